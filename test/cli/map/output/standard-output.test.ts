// Writing to standard output and standard error, in a process of its own.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const module = fileURLToPath(
  new URL("../../../../cli/map/output/standard-output.ts", import.meta.url),
);

/** Runs code that has `out`, a StandardOutput; `shell` may redirect its output. */
function run(code: string, shell = 'exec "$@"') {
  const start = `const { StandardOutput } = await import(${JSON.stringify(module)});
    const out = new StandardOutput();`;
  const args = ["--input-type=module", "-e", start + code];
  return spawn("sh", ["-c", shell, "sh", process.execPath, ...args], {
    stdio: ["ignore", "pipe", "pipe"],
  });
}

test("both go to one file in the order of the calls", async () => {
  const child = run(
    `for (let i = 0; i < 300; i++) {
       out.stdout.write(Buffer.from("out " + i + "\\n"));
       out.stderr.write(Buffer.from("error " + i + "\\n"));
       if (i % 100 === 0) await new Promise((resolve) => setImmediate(resolve));
     }
     await out.flushed();`,
    'exec "$@" 2>&1',
  );
  const lines = (await child.stdout.setEncoding("utf8").toArray()).join("").split("\n");
  const expected = Array.from({ length: 300 }, (_, i) => [`out ${i}`, `error ${i}`]).flat();
  expect(lines).toEqual([...expected, ""]);
});

test("a reader that does not read makes the writer wait, and not the event loop", async () => {
  const child = run(
    `const chunk = Buffer.alloc(512 * 1024, "x");
     let waiting;
     let written = 0;
     const write = () => { written += chunk.length; return out.stdout.write(chunk); };
     while (!(waiting = write()));
     process.stderr.write("waits");
     await waiting;
     await out.flushed();
     process.stderr.write(" wrote " + written);`,
  );
  const [said] = (await once(child.stderr, "data")) as [Buffer];
  expect(said.toString()).toBe("waits");
  const errors = child.stderr.setEncoding("utf8").toArray();
  const chunks = (await child.stdout.toArray()) as Buffer[];
  expect((await errors).join("")).toBe(` wrote ${Buffer.concat(chunks).length}`);
});

test("tells when what was put in before is written, and not when it only waits", async () => {
  const child = run(
    `const chunk = Buffer.alloc(512 * 1024, "x");
     let told = "";
     out.whenWritten(() => (told += "first "));
     out.stdout.write(chunk);
     out.whenWritten(() => (told += "second "));
     out.stderr.write(Buffer.from("waits "));
     out.whenWritten(() => (told += "third"));
     for (let i = 0; i < 100; i++) await new Promise((resolve) => setImmediate(resolve));
     const before = told;
     process.on("exit", () => process.stderr.write(JSON.stringify({ before, after: told })));
     (await import("node:fs")).writeSync(2, "ready\\n");
     await out.flushed();`,
  );
  const [said] = (await once(child.stderr, "data")) as [Buffer];
  expect(said.toString()).toBe("ready\n");
  const errors = child.stderr.setEncoding("utf8").toArray();
  await child.stdout.toArray();
  expect((await errors).join("")).toBe(
    `waits ${JSON.stringify({ before: "first ", after: "first second third" })}`,
  );
});

test("a reader that is gone is an error of the next write", async () => {
  const child = run(
    `process.on("SIGPIPE", () => undefined);
     for (;;) {
       try {
         out.stdout.write(Buffer.alloc(1000));
         await out.flushed();
       } catch (error) {
         process.stderr.write(error.code);
         process.exit(3);
       }
     }`,
  );
  await once(child.stdout, "data");
  child.stdout.destroy();
  const [text] = (await once(child.stderr, "data")) as [Buffer];
  expect(text.toString()).toBe("EPIPE");
  await once(child, "exit");
});
