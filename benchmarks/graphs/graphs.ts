// The graphs of "Runtime vs Scheduler: Analyzing Dask's Overheads" (Beránek and Böhm, arXiv
// 2010.11105) that need no library of Python's, and a shuffle of our own. Each is built through
// whatever can submit: a client, or the one that only writes down what a client would say.

/** What a client is to a graph; `Ref` is a future. */
export type Builder<Ref> = {
  submit(name: string, ...args: unknown[]): Ref;
  map(name: string, ...columns: Iterable<unknown>[]): Ref[];
};

export type Graph = {
  name: string;
  tasks: number;
  /** What the last task must return. */
  result: number;
  /** What one task sleeps, in milliseconds; none otherwise. */
  sleepMs: number;
  /** Submits everything; returns all futures, that of the last task last. */
  build: <Ref>(on: Builder<Ref>) => Ref[];
};

/** `count` independent tasks whose results go into one more. */
export function mergeGraph(count: number): Graph {
  return {
    name: `merge-${count / 1000}K`,
    tasks: count + 1,
    result: 10 * sumBelow(count),
    sleepMs: 0,
    build(on) {
      const leaves = on.map("tenfold", upTo(count));
      return [...leaves, on.submit("merge", leaves)];
    },
  };
}

/** The same with tasks that take a while. */
export function slowMergeGraph(count: number, sleepMs: number): Graph {
  return {
    name: `merge_slow-${count / 1000}K-${sleepMs}ms`,
    tasks: count + 1,
    result: count * sleepMs,
    sleepMs,
    build(on) {
      const leaves = on.map("sleep", new Array<number>(count).fill(sleepMs));
      return [...leaves, on.submit("merge", leaves)];
    },
  };
}

/** 2^height numbers added by twos: 2^height − 1 additions, the first of which need no other. */
export function treeGraph(height: number): Graph {
  const numbers = 2 ** height;
  return {
    name: `tree-${height}`,
    tasks: numbers - 1,
    result: sumBelow(numbers),
    sleepMs: 0,
    build<Ref>(on: Builder<Ref>) {
      const futures: Ref[] = [];
      let level: unknown[] = upTo(numbers);
      while (level.length > 1) {
        const next = on.map(
          "add",
          level.filter((_, i) => i % 2 === 0),
          level.filter((_, i) => i % 2 === 1),
        );
        for (const future of next) futures.push(future);
        level = next;
      }
      return futures;
    },
  };
}

/** Every part is split, every new part takes its bucket of each, and one task merges them. */
export function shuffleGraph(parts: number): Graph {
  return {
    name: `shuffle-${parts}`,
    tasks: parts + parts * parts + parts + 1,
    result: sumBelow(parts * parts),
    sleepMs: 0,
    build(on) {
      const all = upTo(parts);
      const splits = on.map("split", all, new Array<number>(parts).fill(parts));
      const picks = all.map((bucket) =>
        on.map("pick", splits, new Array<number>(parts).fill(bucket)),
      );
      const gathered = on.map("gatherPart", picks);
      return [...splits, ...picks.flat(), ...gathered, on.submit("merge", gathered)];
    },
  };
}

/** Every graph that takes no time, in the order of the table. */
export const quickGraphs: readonly Graph[] = [
  ...[10_000, 25_000, 50_000, 100_000].map(mergeGraph),
  treeGraph(15),
  shuffleGraph(100),
];

export const slowGraphs: readonly Graph[] = [5_000, 20_000].flatMap((count) =>
  [10, 100, 1_000].map((sleepMs) => slowMergeGraph(count, sleepMs)),
);

export function graphNamed(name: string): Graph {
  const graph = [...quickGraphs, ...slowGraphs].find((each) => each.name === name);
  if (graph === undefined) throw new Error(`No graph is called ${name}.`);
  return graph;
}

function upTo(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i);
}

function sumBelow(count: number): number {
  return (count * (count - 1)) / 2;
}
