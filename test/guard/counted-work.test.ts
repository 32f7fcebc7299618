// How much is said for a task, counted and not timed, so that it is the same on every machine: a
// change that makes the project slow fails here, in review. A bound that is broken for a good reason
// is raised in the same change, where everybody sees it.

import { afterEach, describe, expect, test, vi } from "vitest";
import { FrameBuilder } from "../../src/wire/frame.ts";
import { CountedCluster, type Slowdown, type Way } from "./counted-cluster.ts";

vi.mock("../../src/link/clock.ts", async () => {
  const { VirtualClock } = await import("../src/link/virtual-clock.ts");
  return { systemClock: new VirtualClock() };
});
afterEach(() => void vi.restoreAllMocks());

type Work = { tasks: number; run: (cluster: CountedCluster) => Promise<unknown> };

const many = 10_000;
const leaves = 4_096;
const works: Record<string, Work> = {
  "a map": {
    tasks: many,
    run: ({ client }) => {
      const numbers = Array.from({ length: many }, (_, i) => i);
      return client.gather(client.map("add", numbers, numbers));
    },
  },
  "a loop of submit": {
    tasks: many,
    run: ({ client }) => {
      const futures = [];
      for (let i = 0; i < many; i++) futures.push(client.submit("add", i, 1));
      return client.gather(futures);
    },
  },
  "a tree": {
    tasks: 2 * leaves - 1,
    run: ({ client }) => {
      let level: unknown[] = Array.from({ length: leaves }, (_, i) => i);
      level = client.map("add", level, level);
      const futures = [...level];
      while (level.length > 1) {
        const left = level.filter((_, i) => i % 2 === 0);
        const right = level.filter((_, i) => i % 2 === 1);
        level = client.map("add", left, right);
        futures.push(...level);
      }
      return client.gather(futures);
    },
  },
};

/** At most so many messages and frames for all tasks together, and so many bytes for each. */
type Bound = { messages: number; frames: number; bytesPerTask: number };

/** About a fifth above what was counted when they were set. */
const bounds: Record<string, Record<Way, Bound>> = {
  "a map": {
    "client→scheduler": { messages: 12, frames: 3, bytesPerTask: 42 },
    "scheduler→worker": { messages: 14, frames: 14, bytesPerTask: 44 },
    "worker→scheduler": { messages: 24, frames: 14, bytesPerTask: 35 },
    "scheduler→client": { messages: 14, frames: 14, bytesPerTask: 30 },
  },
  "a loop of submit": {
    "client→scheduler": { messages: 12, frames: 3, bytesPerTask: 39 },
    "scheduler→worker": { messages: 14, frames: 14, bytesPerTask: 41 },
    "worker→scheduler": { messages: 24, frames: 14, bytesPerTask: 35 },
    "scheduler→client": { messages: 14, frames: 14, bytesPerTask: 30 },
  },
  "a tree": {
    "client→scheduler": { messages: 11, frames: 3, bytesPerTask: 75 },
    "scheduler→worker": { messages: 24, frames: 24, bytesPerTask: 59 },
    "worker→scheduler": { messages: 32, frames: 24, bytesPerTask: 35 },
    "scheduler→client": { messages: 24, frames: 24, bytesPerTask: 30 },
  },
};

/** The bounds that are broken, a line each with what was counted. */
async function brokenBounds(name: string, slowdown?: Slowdown): Promise<string[]> {
  const { tasks, run } = works[name]!;
  const cluster = await CountedCluster.start(slowdown);
  const counts = await cluster.counting(() => run(cluster));
  const broken: string[] = [];
  for (const [way, bound] of Object.entries(bounds[name]!) as [Way, Bound][]) {
    const { messages, frames, bytes } = counts[way];
    const counted: Bound = { messages, frames, bytesPerTask: bytes / tasks };
    for (const what of ["messages", "frames", "bytesPerTask"] as const) {
      if (counted[what] <= bound[what]) continue;
      broken.push(`${way}: ${counted[what]} ${what}, at most ${bound[what]}`);
    }
  }
  return broken;
}

describe.each(Object.keys(works))("for the tasks of %s", (name) => {
  test("no more is said than the bounds allow, on any of the four ways", async () => {
    expect(await brokenBounds(name)).toEqual([]);
  });

  test("a message for each task breaks the bounds", async () => {
    const broken = await brokenBounds(name, "one task per message");
    expect(broken).toContainEqual(expect.stringMatching(/^client→scheduler: \d+ messages/));
    expect(broken).toContainEqual(expect.stringMatching(/^worker→scheduler: \d+ messages/));
  });

  test("an extra message for each task breaks the bounds", async () => {
    const broken = await brokenBounds(name, "an extra message per task");
    expect(broken).toContainEqual(expect.stringMatching(/^worker→scheduler: \d+ messages/));
    expect(broken).toContainEqual(expect.stringMatching(/^worker→scheduler: [\d.]+ bytesPerTask/));
  });

  test("a frame for each message breaks the bounds", async () => {
    // As large as a frame is wanted as soon as anything is in it.
    const bytes = vi.spyOn(FrameBuilder.prototype, "bytes", "get");
    bytes.mockImplementation(function (this: FrameBuilder) {
      return this.empty ? 0 : 300_000;
    });
    const ways: Way[] = ["client→scheduler", "scheduler→worker", "worker→scheduler"];
    const broken = await brokenBounds(name);
    for (const way of ways) {
      expect(broken).toContainEqual(expect.stringMatching(new RegExp(`^${way}: \\d+ frames`)));
    }
  });
});
