// The port of a worker for results, before anybody comes to it.

import { expect, test } from "vitest";
import { startPeerServer } from "../../../worker/results/peer-server.ts";

test.each([
  ["on", []],
  ["off", [expect.stringContaining("TLS is off: whoever is on the network can read and change")]],
] as const)("with --tls %s what that exposes is said", async (tls, said) => {
  const warnings: string[] = [];
  const starting = startPeerServer({
    // An address that no machine has: nothing listens in this test.
    host: "192.0.2.7",
    tls,
    warn: (text) => warnings.push(text),
    token: () => undefined,
    accept: () => undefined,
    turnedAway: () => undefined,
  });
  await expect(starting).rejects.toThrow("Choose another --interface");
  expect(warnings).toEqual(said);
});
