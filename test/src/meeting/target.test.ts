// Addresses of schedulers as users write them: what is refused, and that no secret in one is shown.

import fc from "fast-check";
import { expect, test } from "vitest";
import { targetFinder } from "../../../src/meeting/target.ts";

const wrongOf = (address: string) => {
  try {
    targetFinder({ address, environment: {} });
    return undefined;
  } catch (error) {
    return error as Error;
  }
};

test.each(["ws://127.0.0.1:1", "wss://[::1]:8786/behind/a/proxy", "ws://login1.site.edu:1/"])(
  "%s is an address",
  (address) => expect(wrongOf(address)).toBe(undefined),
);

const word = fc.stringMatching(/^[a-z0-9.%:!-]{1,12}$/);

test("an address with a user, a password, a query or a fragment is refused, and not shown with it", () => {
  const scheme = fc.constantFrom("ws://", "wss://", "http://", "");
  const secret = "hunter2";
  const before = fc.constantFrom(`${secret}@`, `me:${secret}@`, `:${secret}@`, `${secret}:@`);
  const after = fc.constantFrom(`?token=${secret}`, `/x?${secret}`, `#${secret}`, `/#a?${secret}`);
  const parts = fc.oneof(
    fc.record({ before, after: fc.constantFrom("", ":1", "/p") }),
    fc.record({ before: fc.constant(""), after }),
    fc.record({ before, after }),
  );
  fc.assert(
    fc.property(scheme, word, parts, (start, host, around) => {
      const error = wrongOf(`${start}${around.before}${host}${around.after}`);
      expect(error).toBeInstanceOf(RangeError);
      expect(error!.message).not.toContain(secret);
    }),
  );
});
