// The client inside a task, where a thread is.

import { expect, test, vi } from "vitest";
import { Inside } from "../../../worker/thread/inside.ts";

const taskClient = new URL("../../../cluster/task-client.ts", import.meta.url).href;

test("what is refused to wait leaves no rejection behind that nobody handles", async () => {
  const unhandled = vi.fn();
  process.on("unhandledRejection", unhandled);
  const inside = new Inside(taskClient, {
    say() {},
    lend() {
      throw new Error("too many wait");
    },
    resume: () => undefined,
  });
  const waiting = Promise.withResolvers<never>();
  await expect(inside.during(waiting.promise)).rejects.toThrow("too many wait");
  waiting.reject(new Error("the task is over"));
  await new Promise((resolve) => setImmediate(resolve));
  process.off("unhandledRejection", unhandled);
  expect(unhandled).not.toHaveBeenCalled();
});
