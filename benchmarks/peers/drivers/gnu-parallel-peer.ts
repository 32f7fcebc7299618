// GNU Parallel: `parallel -j2 true`, its inputs on standard input, so a task is a process. It has no
// server: a round trip is a whole `parallel` for one input, and nothing can need anything else. It exits
// with the number of tasks that failed.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { oneAtATime, serve, toOneValue } from "./driver.ts";

async function parallel(size: number): Promise<number> {
  const program = process.env["PEER_PARALLEL"] ?? "parallel";
  const child = spawn(program, ["-j2", "true"], { stdio: ["pipe", "ignore", "inherit"] });
  const closed = once(child, "close");
  child.stdin.end(Array.from({ length: size }, (_, i) => `${i}\n`).join(""));
  const [code] = (await closed) as [number | null];
  if (code !== 0) throw new Error(`parallel ended with exit code ${code}`);
  return size;
}

await serve(
  {
    "round-trip": oneAtATime(async (i) => (await parallel(1)) + i),
    map: toOneValue(parallel, (size) => size),
  },
  async () => {},
);
