// Which addresses a client dials for a large value, seen from inside and from outside of a cluster's network.

import { expect, test } from "vitest";
import { Fetcher } from "../../client/fetcher.ts";
import { ConnectionError } from "../../src/errors/errors.ts";
import { respond } from "../../src/transfer/responder.ts";
import { payloadSource } from "../../src/transfer/shape.ts";
import { memorySocketPair } from "../src/link/socket-memory.ts";

/** The URLs dialled for a value of each of the workers, when the scheduler was found at `url`. */
async function dialledFor(url: string, workers: readonly string[]): Promise<string[]> {
  const dialled: string[] = [];
  const fetcher = new Fetcher({
    target: () => ({ url, token: "t" }),
    open: ({ url: address }) => {
      dialled.push(address);
      if (!address.startsWith(url)) return Promise.reject(new ConnectionError("no answer"));
      const [here, there] = memorySocketPair();
      respond(there, { find: () => payloadSource('"1"'), take: () => Promise.resolve() });
      return Promise.resolve(here);
    },
  });
  for (const worker of workers) {
    const located = { key: worker, order: 0, attempt: 1, bytes: 3, from: [worker] };
    expect(await fetcher.fetch(located)).toBe('"1"');
    await fetcher.send(located, '"1"');
  }
  fetcher.close();
  return dialled.map((address) => new URL(address).host);
}

test("at the end of a tunnel no worker is dialled: others here may have its address", async () => {
  const workers = ["ws://10.0.0.1:5000", "ws://10.0.0.2:5000"];
  expect(await dialledFor("ws://127.0.0.1:8786", workers)).toEqual(["127.0.0.1:8786"]);
  expect(await dialledFor("ws://localhost:8786", workers)).toEqual(["localhost:8786"]);
});

test("on the machine of the scheduler its workers are dialled", async () => {
  const [first] = await dialledFor("ws://127.0.0.1:8786", ["ws://127.0.0.1:5000"]);
  expect(first).toBe("127.0.0.1:5000");
});

test("from outside one worker that does not answer speaks for all", async () => {
  const workers = ["ws://10.0.0.1:5000", "ws://10.0.0.2:5000", "ws://10.0.0.3:5000"];
  const dialled = await dialledFor("ws://gateway:8786", workers);
  expect(dialled).toEqual(["10.0.0.1:5000", "gateway:8786"]);
});
