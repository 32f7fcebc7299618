// The link of the client inside a task, on a thread.

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
