// How many steps the core takes, counted and not timed, so that a walk over everything shows on any
// machine. V8's coverage counts each block of the core that runs. What built-in functions walk through
// is counted by taking their places for that while.

import { Session, type Profiler } from "node:inspector";
import { setFlagsFromString } from "node:v8";

const counted = /\/scheduler\/core\/|\/src\/(key-table|payload\/same-payload)\.ts$/;

/** The number of steps that a function takes. The core has to be imported after the first call of `prepare`. */
export class StepCounter {
  readonly #session = new Session();
  #walked = 0;

  constructor() {
    // Optimized code does not count every call: a few in a hundred are lost, and not the same ones each time.
    for (const optimizer of ["opt", "maglev"]) setFlagsFromString(`--no-${optimizer}`);
    this.#session.connect();
    this.#post("Profiler.enable");
    this.#post("Profiler.startPreciseCoverage", { callCount: true, detailed: true });
  }

  count(run: () => void): number {
    this.#take();
    this.#walked = 0;
    const restore = this.#watchBuiltIns();
    try {
      run();
    } finally {
      restore();
    }
    return this.#take() + this.#walked;
  }

  end(): void {
    this.#post("Profiler.stopPreciseCoverage");
    this.#session.disconnect();
  }

  #take(): number {
    const { result } = this.#post(
      "Profiler.takePreciseCoverage",
    ) as Profiler.TakePreciseCoverageReturnType;
    let steps = 0;
    for (const { url, functions } of result) {
      if (!counted.test(url)) continue;
      for (const { ranges } of functions) for (const { count } of ranges) steps += count;
    }
    return steps;
  }

  /** Each adds the number of items that it looks at or moves, as far as that is known. */
  #watchBuiltIns(): () => void {
    const undo: (() => void)[] = [];
    const watch = (
      owner: object,
      name: string,
      walks: (self: never, result: unknown) => number,
    ) => {
      const holder = owner as Record<string, (...args: unknown[]) => unknown>;
      const original = holder[name]!;
      const add = (steps: number) => {
        this.#walked += steps;
      };
      holder[name] = function (this: unknown, ...args: unknown[]): unknown {
        const result = original.apply(this, args);
        add(walks(this as never, result));
        return result;
      };
      undo.push(() => {
        holder[name] = original;
      });
    };
    const arrays = Array.prototype;
    const length = ({ length }: unknown[]) => length;
    for (const name of ["shift", "unshift", "splice", "reverse", "sort", "join", "concat"]) {
      watch(arrays, name, length);
    }
    for (const name of ["slice", "fill"])
      watch(arrays, name, (_, made) => length(made as unknown[]));
    for (const name of ["indexOf", "includes", "lastIndexOf"]) {
      watch(arrays, name, (array: unknown[], found) =>
        typeof found === "number" && found >= 0 ? found + 1 : array.length,
      );
    }
    watch(Object, "keys", (_, made) => length(made as unknown[]));
    watch(JSON, "stringify", (_, made) => (made as string).length / 16);
    for (const collection of [new Set(), new Map(), []]) {
      watch(Object.getPrototypeOf(collection[Symbol.iterator]()) as object, "next", () => 1);
    }
    return () => undo.forEach((each) => each());
  }

  #post(method: string, parameters?: object): unknown {
    let found: unknown;
    // The session answers before it returns.
    this.#session.post(method, parameters, (error, result) => {
      if (error) throw error;
      found = result;
    });
    return found;
  }
}
