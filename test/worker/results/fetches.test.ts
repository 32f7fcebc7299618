// Inputs that a worker fetches for its calls, from holders that it cannot reach.

import { expect, test } from "vitest";
import { ConnectionError } from "../../../src/errors/errors.ts";
import { memorySocketPair } from "../../src/link/socket-memory.ts";
import { silentLog } from "../../../src/log.ts";
import { respond } from "../../../src/transfer/responder.ts";
import { payloadSource } from "../../../src/transfer/shape.ts";
import type { Reports } from "../../../worker/reports.ts";
import { Results } from "../../../worker/results/results.ts";

const holder = "ws://holder/data";
const scheduler = "ws://scheduler/data";

test("a holder that does not answer costs the time to connect once, and not for each input", async () => {
  const dialled: string[] = [];
  const results = new Results({
    memoryBytes: 1_000_000,
    disk: { write: () => Promise.reject(new Error("no disk")) },
    reports: { held: () => undefined } as unknown as Reports,
    log: silentLog,
    token: () => "token",
    open: ({ url }) => {
      dialled.push(url);
      if (url === holder) return Promise.reject(new ConnectionError("no answer"));
      const [here, there] = memorySocketPair();
      respond(there, { find: ({ key }) => payloadSource(key), take: () => Promise.resolve() });
      return Promise.resolve(here);
    },
    schedulerAddress: () => scheduler,
    paused: () => undefined,
  });
  for (const key of ["a", "b", "c"]) {
    const gathering = results.gather(
      [{ key, order: 0, attempt: 1, bytes: 10, from: [0] }],
      [holder],
    );
    expect(await gathering!.inputs).toEqual([key]);
    gathering!.letGo();
  }
  expect(dialled).toEqual([holder, scheduler]);
  results.close();
});
