// The expected duration of calls of each function, learned from calls that returned. It decides how many
// calls travel together. An estimate that is too short does harm: a result, or a call that could run on
// another thread, would wait for a long one. So the estimate rises at once and falls slowly.

/** The estimate for a function that has not returned yet. Longer than any batch. */
export const unknownMicros = 1e9;

const share = 1 / 16;

export class Pace {
  readonly #micros: number[] = [];

  /** Expected duration of a call of this function, in microseconds. */
  of(index: number): number {
    return this.#micros[index] ?? unknownMicros;
  }

  learn(index: number, micros: number): void {
    const expected = this.#micros[index];
    const measured = Math.min(micros, unknownMicros);
    this.#micros[index] =
      expected === undefined || measured > expected
        ? measured
        : expected + (measured - expected) * share;
  }
}
