// A random graph of cheap tasks, some of them slow and some with large results, and what it must come to.

import type { Client, Future } from "../../src/index.ts";
import { node } from "./fixtures/graph-tasks.ts";
import type { Random } from "./random.ts";

export type GraphTasks = typeof import("./fixtures/graph-tasks.ts");

/** A random graph, grown in waves, with what each task must come to. */
export class RandomGraph {
  readonly futures: Future<number>[] = [];
  readonly expected: number[] = [];
  /** With the wide ones, whose values nobody asks for but other tasks. */
  readonly all: Future[] = [];
  readonly #random: Random;
  readonly #submit;

  constructor(client: Client<GraphTasks>, random: Random) {
    this.#random = random;
    // None of these takes a worker down, but one may be there each time that a worker dies.
    this.#submit = client.with({ maxWorkerLosses: 100 });
  }

  grow(count: number): void {
    const random = this.#random;
    for (let grown = 0; grown < count; grown += 1) {
      const id = this.futures.length;
      const inputs = random.several(0, Math.min(id, 3), () =>
        // Mostly near ones: deep, and wide enough for everybody to have something to do.
        id < 2_000 || random.chance(0.1) ? random.below(id) : id - 1 - random.below(1_000),
      );
      const handles = inputs.map((input) => this.futures[input]!);
      this.expected.push(
        node(
          id,
          inputs.map((input) => this.expected[input]!),
        ),
      );
      this.futures.push(this.#call(id, handles));
      this.all.push(this.futures.at(-1)!);
    }
  }

  #call(id: number, inputs: Future<number>[]): Future<number> {
    const kind = this.#random.next();
    if (kind < 0.03) return this.#submit.submit("slowNode", id, inputs, this.#random.below(60));
    if (kind < 0.99) return this.#submit.submit("node", id, inputs);
    const wide = this.#submit.submit("wideNode", id, inputs);
    this.all.push(wide);
    return this.#submit.submit("narrow", wide, id);
  }
}
