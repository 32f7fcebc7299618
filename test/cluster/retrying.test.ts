// Which errors are followed by a retry, as users see it: `retryIf`, and `NonRetriableError`.

import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { NonRetriableError, TaskError, TaskTimeoutError, type Client } from "../../src/index.ts";
import { cleanUp } from "../processes/daemons.ts";
import { kinds, startCluster } from "../processes/kinds.ts";

type Tasks = typeof import("./fails-tasks.ts");
const modules = [path.join(import.meta.dirname, "fails-tasks.ts")];

describe.each(kinds)("with %s", (kind) => {
  let client: Client<Tasks>;
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), "thence-retrying-"));
    client = await startCluster<Tasks>(kind, { modules });
  });
  afterAll(async () => {
    await cleanUp();
    await rm(folder, { recursive: true });
  });

  test.each([
    ["givesUp", {}, 1],
    ["refused", {}, 3],
    ["refused", { retryIf: ["ECONNREFUSED"] }, 3],
    ["refused", { retryIf: ["TypeError"] }, 3],
    ["refused", { retryIf: ["RangeError", "TaskTimeoutError"] }, 1],
    ["hangs", { retryIf: ["TaskTimeoutError"], timeoutMs: 100 }, 3],
    ["hangs", { retryIf: ["ECONNREFUSED"], timeoutMs: 100 }, 1],
  ] as const)("%s with two retries and %j is run %i times", async (name, options, attempts) => {
    const file = path.join(folder, `${name}-${Object.values(options).join("-")}`);
    const error = await client
      .with({ retries: 2, ...options })
      .submit(name, file)
      .exception();
    expect((await readFile(file, "utf8")).trim().split("\n")).toHaveLength(attempts);
    expect(error).toBeInstanceOf(name === "hangs" ? TaskTimeoutError : TaskError);
    if (name !== "givesUp") return;
    expect(error?.cause).toBeInstanceOf(NonRetriableError);
    expect((error as TaskError).retriable).toBe(false);
  });
});
