// The results that a thread holds back for others to leave with them, in memory that main can read:
// the call that follows them may never end. A result that main has read here and that arrives as a
// message too is known by its ticket, so nothing but the thread ever takes one out.

/** What a result may hold to be held back, in characters; one that is longer leaves at once. */
const longestText = 1_024;
const textBytes = 64 * 1024;
/** Results at most, which is one less than what the low bits of `state` can count. */
const capacity = 511;

export type UnpostedMemory = {
  /** One number: the batch in the high bits, and in the low ones how many results of it are here. */
  readonly state: Int32Array<SharedArrayBuffer>;
  /** Of each result the ticket, the microseconds, and where its text ends. */
  readonly numbers: Float64Array<SharedArrayBuffer>;
  readonly text: Uint8Array<SharedArrayBuffer>;
};

export class UnpostedResults {
  readonly memory: UnpostedMemory;
  /** On the memory of `memory.text`. */
  readonly #text: Buffer;

  /** Main makes the memory, and the thread is given it. */
  constructor(memory = createMemory()) {
    this.memory = memory;
    this.#text = Buffer.from(memory.text.buffer);
  }

  /** On the thread: adds a result. False when there is no room for it. */
  add(ticket: number, micros: number, text: string): boolean {
    const { state, numbers } = this.memory;
    const count = Atomics.load(state, 0) & capacity;
    const start = count === 0 ? 0 : numbers[count * 3 - 1]!;
    if (count === capacity || text.length > longestText) return false;
    // In UTF-8, what is one character in JavaScript takes three bytes at most.
    if (start + text.length * 3 > textBytes) return false;
    numbers[count * 3] = ticket;
    numbers[count * 3 + 1] = micros;
    numbers[count * 3 + 2] = start + this.#text.write(text, start);
    Atomics.add(state, 0, 1);
    return true;
  }

  /** On the thread: all that was added has been posted. */
  clear(): void {
    const { state } = this.memory;
    const now = Atomics.load(state, 0);
    // The carry makes it the next batch.
    if ((now & capacity) > 0) Atomics.store(state, 0, (now | capacity) + 1);
  }

  /**
   * In main: what is held back, in the columns of a `returned` message. Nothing when the thread adds
   * to it or posts it meanwhile: then it is not stuck.
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
    // A swap and not a load, for no read above may be put off until after it.
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
