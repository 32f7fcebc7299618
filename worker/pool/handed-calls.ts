// The calls that one thread has been handed and that are not over: the ticket and the cell of each, and
// how much work they are expected to be.

import {
  ENDING,
  EXECUTING,
  OVER,
  TICKETS,
  WAITING,
  cellOf,
  createCells,
  isExecuting,
  mostWaiting,
  move,
  stateOf,
  type Cells,
} from "../boundary/cells.ts";
import type { Call } from "../calls/call.ts";
import type { RemoteStates } from "./host.ts";
import { unknownMicros } from "./pace.ts";

/** Most calls on a thread beside those that execute: one batch, and one ahead. */
export const maxHanded = 512;

/** Makes the cells for the calls of one thread. Calls that have lent their slots may come on top of the usual. */
export function cellsFor(concurrency: number): Cells {
  return createCells(usualSpan(concurrency) + 2 * mostWaiting);
}

/** Twice the number of calls, so that a free cell is found at once. */
function usualSpan(concurrency: number): number {
  return 2 ** Math.ceil(Math.log2(2 * (maxHanded + concurrency)));
}

export class HandedCalls {
  readonly cells: Cells;
  /** How many calls have a slot or wait for one, and their expected duration in all. */
  live = 0;
  loadMicros = 0;
  /** The zero of the thread's clock on the clock of the main thread, in milliseconds. */
  clockMs = 0;
  /** Calls that have lent their slots. */
  #lent = 0;
  /** By cell. As long as the largest span so far. */
  readonly #calls: (Call | undefined)[];
  #ticket = 0;
  #distrusted = false;
  readonly #remote: RemoteStates | undefined;
  readonly #usualSpan: number;
  /** All calls are in the first cells, this many of them: a power of two. */
  #span: number;

  constructor(concurrency: number, cells: Cells, remote?: RemoteStates) {
    this.cells = cells;
    this.#remote = remote;
    this.#usualSpan = this.#span = usualSpan(concurrency);
    this.#calls = new Array<undefined>(this.#span).fill(undefined);
  }

  /** Gives a call its ticket and its cell. */
  add(call: Call): void {
    const { states } = this.cells;
    const count = this.live + this.#lent;
    if (count === 0) this.#span = this.#usualSpan;
    else if (2 * count > this.#span && this.#span < states.length) this.#span *= 2;
    while (this.#calls.length < this.#span) this.#calls.push(undefined);
    do this.#ticket = this.#nextTicket();
    while (this.#calls[cellOf(this.cells, this.#ticket)]);
    call.ticket = this.#ticket;
    this.#calls[cellOf(this.cells, call.ticket)] = call;
    Atomics.store(states, cellOf(this.cells, call.ticket), (call.ticket << 2) | WAITING);
    this.live += 1;
    this.loadMicros += call.expectedMicros;
  }

  /** The call of this ticket; undefined when it has been removed. */
  get(ticket: number): Call | undefined {
    const call = this.#calls[cellOf(this.cells, ticket)];
    return call?.ticket === ticket ? call : undefined;
  }

  /** Removes a call that is over, or that goes elsewhere. */
  remove(call: Call): void {
    this.#calls[cellOf(this.cells, call.ticket)] = undefined;
    call.thread = undefined;
    if (call.lent) this.#lent -= 1;
    else this.#discount(call);
  }

  /** Takes a call back, unless it has begun, or has to be asked for: then it is marked `recalled`. */
  takeBack(call: Call): boolean {
    if (this.#remote !== undefined && !call.announcing) {
      this.#refresh(call);
      this.#recall([call]);
      return false;
    }
    if (!move(this.cells, call.ticket, WAITING, OVER)) return false;
    this.remove(call);
    return true;
  }

  /** Takes back every call that has not begun. */
  takeAllBack(): Call[] {
    if (this.#remote !== undefined) {
      this.#refresh();
      this.#recall(this.#all().filter((call) => !call.announcing));
      return this.#all().filter((call) => call.announcing && this.takeBack(call));
    }
    return this.#all().filter((call) => this.takeBack(call));
  }

  /** Removes a call that has ended but whose result has not arrived; false when it has not ended. */
  forget(call: Call): boolean {
    this.#refresh(call);
    if (stateOf(this.cells, call.ticket) !== OVER) return false;
    this.remove(call);
    return true;
  }

  /** Marks an executing call as asked to end; false when it is not executing. */
  markEnding(call: Call): boolean {
    if (this.#remote !== undefined) {
      this.#refresh(call);
      // It may begin just now. One that does not is given back.
      const state = stateOf(this.cells, call.ticket);
      return state !== OVER && move(this.cells, call.ticket, state, ENDING);
    }
    return move(this.cells, call.ticket, EXECUTING, ENDING);
  }

  /** Counts every call that has begun as executing still: its result cannot be trusted. */
  distrust(): void {
    this.#distrusted = true;
  }

  /** When the call began, by the main thread's `performance.now()`; undefined when it is not executing. */
  beganAt(call: Call): number | undefined {
    this.#refresh(call);
    if (!isExecuting(stateOf(this.cells, call.ticket))) return undefined;
    return this.cells.begins[cellOf(this.cells, call.ticket)]! + this.clockMs;
  }

  executing(): Call[] {
    this.#refresh();
    return this.#all().filter(({ ticket }) => {
      const state = stateOf(this.cells, ticket);
      return isExecuting(state) || (this.#distrusted && state === OVER);
    });
  }

  /** How many calls the thread has been sent that have not begun. As of the last look at those that execute. */
  get waiting(): number {
    const isWaiting = (call: Call) =>
      !call.announcing && !call.recalled && stateOf(this.cells, call.ticket) === WAITING;
    return this.#all().filter(isWaiting).length;
  }

  /** The call takes longer than expected: nothing more is sent ahead behind it. */
  markLong(call: Call): void {
    this.loadMicros += unknownMicros - call.expectedMicros;
    call.expectedMicros = unknownMicros;
  }

  /** The call lends its slot. */
  lend(call: Call): void {
    call.lent = true;
    this.#lent += 1;
    this.#discount(call);
  }

  /** The call has its slot back. */
  takeBackSlot(call: Call): void {
    if (!call.lent) return;
    call.lent = false;
    this.#lent -= 1;
    this.live += 1;
    this.loadMicros += call.expectedMicros;
  }

  /** Removes all calls, since the thread has ended. */
  removeAll(): { executing: Call[]; over: Call[]; others: Call[] } {
    const executing = this.executing();
    for (const call of executing) this.remove(call);
    const all = this.#all();
    for (const call of all) this.remove(call);
    const isOver = ({ ticket }: Call) => stateOf(this.cells, ticket) === OVER;
    return { executing, over: all.filter(isOver), others: all.filter((call) => !isOver(call)) };
  }

  /** Brings the state of one call, or of all, up to date. */
  #refresh(call?: Call): void {
    if (this.#remote === undefined) return;
    const cell = call && cellOf(this.cells, call.ticket);
    this.#remote.refresh(this.cells, cell ?? 0, cell === undefined ? this.#span : cell + 1);
  }

  #recall(calls: readonly Call[]): void {
    const asked = calls.filter((call) => {
      return !call.recalled && stateOf(this.cells, call.ticket) === WAITING;
    });
    if (asked.length === 0) return;
    for (const call of asked) call.recalled = true;
    this.#remote!.recall(asked.map(({ ticket }) => ticket));
  }

  #discount(call: Call): void {
    this.live -= 1;
    this.loadMicros = this.live === 0 ? 0 : this.loadMicros - call.expectedMicros;
  }

  /** Goes round in as few cells as possible, so that these stay in the processor's cache. */
  #nextTicket(): number {
    const cell = cellOf(this.cells, this.#ticket);
    if (cell + 1 < this.#span) return this.#ticket + 1;
    return (this.#ticket - cell + this.cells.states.length) % TICKETS;
  }

  /** The newest first: most calls are there, so few free cells are looked at. */
  #all(): Call[] {
    const calls: Call[] = [];
    const newest = cellOf(this.cells, this.#ticket);
    const count = this.live + this.#lent;
    for (let back = 0; back < this.#span && calls.length < count; back += 1) {
      const call = this.#calls[(newest - back) & (this.#span - 1)];
      if (call !== undefined) calls.push(call);
    }
    return calls;
  }
}
