// The results that a thread has not posted yet, so that several leave in one message. They lie in memory
// that the main thread can read, since the call that runs after them may never end. Only the thread removes
// them: a result that the main thread has read here and that arrives in a message too is known by its
// ticket.

/** A result with more characters than this is posted at once. */
const longestText = 1_024;
const textBytes = 64 * 1024;
/** Most results: one less than the low bits of `state` can count. */
const capacity = 511;

export type UnpostedMemory = {
  /** One number: the batch in the high bits, and in the low bits how many of its results are here. */
  readonly state: Int32Array<SharedArrayBuffer>;
  /** Three for each result: its ticket, its microseconds, and where its text ends. */
  readonly numbers: Float64Array<SharedArrayBuffer>;
  readonly text: Uint8Array<SharedArrayBuffer>;
};

export class UnpostedResults {
  readonly memory: UnpostedMemory;
  /** A view on the memory of `memory.text`. */
  readonly #text: Buffer;

  /** The main thread makes the memory; the thread is given it. */
  constructor(memory = createMemory()) {
    this.memory = memory;
    this.#text = Buffer.from(memory.text.buffer);
  }

  /** For the thread: adds a result. False when there is no room for it. */
  add(ticket: number, micros: number, text: string): boolean {
    const { state, numbers } = this.memory;
    const count = Atomics.load(state, 0) & capacity;
    const start = count === 0 ? 0 : numbers[count * 3 - 1]!;
    if (count === capacity || text.length > longestText) return false;
    // A character of JavaScript takes at most three bytes in UTF-8.
    if (start + text.length * 3 > textBytes) return false;
    numbers[count * 3] = ticket;
    numbers[count * 3 + 1] = micros;
    numbers[count * 3 + 2] = start + this.#text.write(text, start);
    Atomics.add(state, 0, 1);
    return true;
  }

  /** For the thread: removes all results, since they have been posted. */
  clear(): void {
    const { state } = this.memory;
    const now = Atomics.load(state, 0);
    // The carry increments the batch.
    if ((now & capacity) > 0) Atomics.store(state, 0, (now | capacity) + 1);
  }

  /**
   * For the main thread: the results that are here, in the columns of a `returned` message. Nothing when
   * the thread adds or posts results meanwhile: it is not stuck then.
   */
  read(): { numbers: number[]; values: string[] } {
    const { state, numbers } = this.memory;
    const before = Atomics.load(state, 0);
    const read = { numbers: [] as number[], values: [] as string[] };
    let start = 0;
    for (let index = 0; index < (before & capacity); index += 1) {
      const end = numbers[index * 3 + 2]!;
      read.numbers.push(numbers[index * 3]!, numbers[index * 3 + 1]!);
      read.values.push(this.#text.toString("utf8", start, end));
      start = end;
    }
    // A swap and not a load, so that no read above can be moved behind it.
    const unchanged = Atomics.compareExchange(state, 0, before, before) === before;
    return unchanged ? read : { numbers: [], values: [] };
  }
}

function createMemory(): UnpostedMemory {
  return {
    state: new Int32Array(new SharedArrayBuffer(4)),
    numbers: new Float64Array(new SharedArrayBuffer(capacity * 3 * 8)),
    text: new Uint8Array(new SharedArrayBuffer(textBytes)),
  };
}
