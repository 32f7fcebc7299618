// Cells of memory that the main thread and one of its threads share: each says how far one call on the
// thread is. Both sides move a cell by compare-and-swap, so a call either begins or is taken back, never
// both, without a message; and the main thread sees the state even while the thread reads no message.

/** Most calls of one thread that wait for their sub-tasks at a time: each holds memory, and a cell. */
export const mostWaiting = 8_192;

/**
 * One cell for each call on a thread. A ticket names a call there. The ticket's low bits are the place of
 * the cell, and the cell holds the ticket with one of the states below: a side that looks for a call whose
 * cell now belongs to another sees another ticket.
 */
export type Cells = {
  readonly states: Int32Array<SharedArrayBuffer>;
  /** When each call began, by the thread's `performance.now()`. Valid once the state is `EXECUTING`. */
  readonly begins: Float64Array<SharedArrayBuffer>;
};

export const WAITING = 0;
export const EXECUTING = 1;
/** Executing, and asked to end. */
export const ENDING = 2;
/** Returned or threw, or taken back before it began. */
export const OVER = 3;

/** Tickets wrap here: of 32 bits two are the state, and one is the sign. */
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

/** Moves the cell of a ticket from one state to the next; false when the other side moved it before. */
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
