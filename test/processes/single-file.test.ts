// A program of a single file, which names itself as its module: it does not start itself again in every
// worker, but is refused with the line to add.

import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { node, root, thence } from "../processes.ts";
import { addCleanUp, cleanUp, patientMs, startScheduler } from "./daemons.ts";

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "thence-single-"));
  addCleanUp(() => rm(folder, { recursive: true, force: true }));
});
afterAll(cleanUp, patientMs);

/** A file with a task and the program that calls it, around one of these. */
async function program(
  name: string,
  opening: string,
  call: string,
  closing = "}",
): Promise<string> {
  const file = path.join(folder, `${name}.ts`);
  const index = path.join(root, "src", "index.ts");
  const text = `
    import { Client } from ${JSON.stringify(index)};
    export const add = (x: number, y: number) => x + y;
    ${opening}
      const client = await ${call};
      console.log("sum", await client.submit("add", 1, 10).result());
      await client.close();
    ${closing}
  `;
  await writeFile(file, text);
  return file;
}

const local = "Client.local({ modules: [import.meta.filename], workers: 2, threads: 1 })";
const advice = /Add `if \(import\.meta\.main\)` in \S+\.ts, .*calls Client\.(local|connect) while/;

test.each([
  ["at its top level", "{", "}"],
  ["in a function that nobody awaits", "async function main() {", "} void main();"],
  [
    "and exits when that fails",
    "async function main() {",
    "} main().catch((error) => { console.error(error.message); process.exit(1); });",
  ],
])(
  "a program that connects %s is refused with the line to add",
  async (what, opening, closing) => {
    const file = await program(what.replaceAll(" ", "-"), opening, local, closing);
    const { how, stdout, stderr } = await node([file]).ended;
    expect(how, stderr).toBe(1);
    expect(stderr).toMatch(advice);
    expect(stderr).toContain(file);
    expect(stdout).toBe("");
  },
  patientMs,
);

test.each([
  ["with import.meta.main", "if (import.meta.main) {"],
  ["as Node 22 knows it", "if (process.argv[1] === import.meta.filename) {"],
])(
  "a program %s runs once",
  async (what, opening) => {
    const file = await program(what.replaceAll(" ", "-"), opening, local);
    const { how, stdout, stderr } = await node([file]).ended;
    expect(how, stderr).toBe(0);
    expect(stdout).toBe("sum 11\n");
  },
  patientMs,
);

test(
  "a worker refuses the program that connects to its scheduler, and runs the one that asks first",
  async () => {
    const scheduler = await startScheduler();
    const target = `Client.connect(${JSON.stringify(scheduler.file)})`;
    const start = (file: string) =>
      thence([
        ...["worker", "--scheduler-file", scheduler.file, "--threads", "1", "--no-supervise"],
        ...["--module", file],
      ]);
    const refused = await start(await program("refused", "{", target)).ended;
    expect(refused.how, refused.stderr).toBe(2);
    expect(refused.stderr).toMatch(advice);
    const file = await program("asks", "if (import.meta.main) {", target);
    await start(file).wrote(/joined the scheduler/);
    const { how, stdout, stderr } = await node([file]).ended;
    expect(how, stderr).toBe(0);
    expect(stdout).toBe("sum 11\n");
  },
  patientMs,
);
