// The link of the client inside a task, on a thread.

import fc from "fast-check";
import { expect, test, vi } from "vitest";
import { TaskLink } from "../../../worker/thread/task-link.ts";

const taskClient = new URL("../../../cluster/task-client.ts", import.meta.url).href;

test("what is refused to wait leaves no rejection behind that nobody handles", async () => {
  const unhandled = vi.fn();
  process.on("unhandledRejection", unhandled);
  const link = new TaskLink(taskClient, {
    send() {},
    lend() {
      throw new Error("too many wait");
    },
    resume: () => undefined,
  });
  const waiting = Promise.withResolvers<never>();
  await expect(link.during(waiting.promise)).rejects.toThrow("too many wait");
  waiting.reject(new Error("the task is over"));
  await new Promise((resolve) => setImmediate(resolve));
  process.off("unhandledRejection", unhandled);
  expect(unhandled).not.toHaveBeenCalled();
});

test("a task that waits has lent its slot, in whatever order its parts wait and the slot comes back", async () => {
  const turn = () => new Promise((resolve) => setImmediate(resolve));
  const move = fc.oneof(
    fc.record({ do: fc.constant("wait" as const) }),
    fc.record({ do: fc.constant("answer" as const), which: fc.nat(3) }),
    fc.record({ do: fc.constant("grant" as const) }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(move, { maxLength: 30 }), async (moves) => {
      let isLent = false;
      let grant: (() => void) | undefined;
      const link = new TaskLink(taskClient, {
        send() {},
        lend() {
          expect(isLent).toBe(false);
          isLent = true;
        },
        resume() {
          expect([isLent, grant]).toEqual([true, undefined]);
          return new Promise<void>((resolve) => {
            grant = () => {
              isLent = false;
              grant = undefined;
              resolve();
            };
          });
        },
      });
      const waiting: (() => void)[] = [];
      const parts: Promise<void>[] = [];
      for (const next of [...moves, ...Array(35).fill({ do: "answer", which: 0 })]) {
        if (next.do === "wait") {
          const { promise, resolve } = Promise.withResolvers<void>();
          waiting.push(resolve);
          parts.push(link.during(promise));
        } else if (next.do === "answer")
          waiting.splice(next.which % (waiting.length || 1), 1)[0]?.();
        else grant?.();
        await turn();
        if (waiting.length > 0) expect(isLent).toBe(true);
      }
      grant?.();
      await Promise.all(parts);
      expect(isLent).toBe(false);
    }),
  );
});
