// Piscina: two threads of this process, kept alive, no network, its defaults: several calls at once on a
// thread, its asynchronous mode or `FixedQueue` were no faster here. It has no notion of a task that needs
// another, so in a chain the driver waits for each call, in a tree for each level. The array is moved
// (`Piscina.move`), not copied.

import { fileURLToPath } from "node:url";
import {
  allAtOnce,
  arraySum,
  chainSum,
  oneAtATime,
  pairs,
  peerPackage,
  serve,
  toOneValue,
  treeSum,
} from "./driver.ts";

type Pool = {
  run: (task: unknown, options: { name: string; transferList?: unknown[] }) => Promise<unknown>;
  destroy: () => Promise<void>;
};
type PiscinaPackage = { Piscina: new (options: object) => Pool };

const { Piscina } = peerPackage<PiscinaPackage>("piscina");
const pool = new Piscina({
  filename: fileURLToPath(new URL("./piscina-tasks.ts", import.meta.url)),
  minThreads: 2,
  maxThreads: 2,
});

const add = (a: unknown, b: unknown) => pool.run([a, b], { name: "add" });

await serve(
  {
    "round-trip": oneAtATime((i) => add(i, 1)),
    map: allAtOnce((size) => Promise.all(Array.from({ length: size }, (_, i) => add(i, 1)))),
    chain: toOneValue(async (size) => {
      let last: unknown = 0;
      for (let i = 0; i < size; i++) last = await add(last, 1);
      return last;
    }, chainSum),
    tree: toOneValue(async (size) => {
      const leaves = Array.from({ length: (size + 1) / 2 }, (_, i) => add(i, 1));
      let level = await Promise.all(leaves);
      while (level.length > 1) level = await Promise.all(pairs(level).map(([a, b]) => add(a, b)));
      return level[0];
    }, treeSum),
    array: toOneValue(async (size) => {
      const made = (await pool.run(size, { name: "makeArray" })) as Float64Array;
      return await pool.run(made, { name: "sumArray", transferList: [made.buffer] });
    }, arraySum),
  },
  () => pool.destroy(),
);
