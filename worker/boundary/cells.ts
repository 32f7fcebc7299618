// Cells of memory that the main thread and one of its threads share: each says how far one call on the
// thread is. Both sides move a cell by compare-and-swap, so a call either begins or is taken back, never
// both, without a message; and the main thread sees the state even while the thread reads no message.

/** Calls of one thread that may wait for their sub-tasks at a time: each holds memory, and a cell. */
export const mostWaiting = 8_192;

/**
 * One cell for each call on a thread. A call is known there by its ticket; the cell is the ticket's
 * low bits, and holds the ticket with one of the states below, so that a late look at a cell that
 * has been given to another call is seen to be late.
 */
export type Cells = {
  readonly states: Int32Array<SharedArrayBuffer>;
  /** When each began, by the thread's `performance.now()`. Valid once it is `executing`. */
  readonly begins: Float64Array<SharedArrayBuffer>;
};

export const WAITING = 0;
export const EXECUTING = 1;
/** Executing, and asked to end. */
export const ENDING = 2;
/** Returned or threw, or taken back before it began. */
export const OVER = 3;

/** Tickets wrap here: two bits of the 32 are the state, and the sign is left alone. */
export const TICKETS = 1 << 29;

export function createCells(atLeast: number): Cells {
  const count = 2 ** Math.ceil(Math.log2(atLeast));
  return {
    states: new Int32Array(new SharedArrayBuffer(count * 4)),
    begins: new Float64Array(new SharedArrayBuffer(count * 8)),
  };
}

export function cellOf({ states }: Cells, ticket: number): number {
  return ticket & (states.length - 1);
}

/** Moves the cell of a ticket from one state to the next, unless somebody was quicker. */
export function move(cells: Cells, ticket: number, from: number, to: number): boolean {
  const cell = cellOf(cells, ticket);
  const expected = (ticket << 2) | from;
  return Atomics.compareExchange(cells.states, cell, expected, (ticket << 2) | to) === expected;
}

export function stateOf(cells: Cells, ticket: number): number {
  const value = Atomics.load(cells.states, cellOf(cells, ticket));
  return value >>> 2 === ticket ? value & 3 : OVER;
}

export function isExecuting(state: number): boolean {
  return state === EXECUTING || state === ENDING;
}
