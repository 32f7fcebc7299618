// How the figures of `npm run bench:peers` are taken, with drivers that are made up.

import { describe, expect, test } from "vitest";
import { measures } from "../../benchmarks/peers/measures.ts";
import { peers } from "../../benchmarks/peers/peers.ts";
import type { Answer, Question } from "../../benchmarks/peers/question.ts";
import { takeRounds, type Asked } from "../../benchmarks/peers/rounds.ts";
import type { Driven } from "../../benchmarks/peers/session.ts";

const dask = peers.find(({ name }) => name === "dask")!;
const parallel = peers.find(({ name }) => name === "parallel")!;

type Answers = (question: Omit<Question, "id">) => Extract<Answer, { elapsedMs: number }>;

/** Ten thousand tasks a second of thence, and what `answers` says of the peer. */
function made(answers: Answers) {
  const asked: string[] = [];
  let open = 0;
  const start = async ({ driver: [script] }: Driven): Promise<Asked> => {
    open++;
    asked.push(`start ${script}`);
    return {
      ask: async (question) => {
        asked.push(`${script} ${question.measure} ${question.size}`);
        if (script !== "thence-peer.ts") return answers(question);
        return { elapsedMs: question.size / 10 };
      },
      end: async () => {
        open--;
      },
    };
  };
  return { start, asked, left: () => open };
}

const options = {
  rounds: 1,
  warmUpMs: 0,
  measures,
  report: () => {},
  signal: new AbortController().signal,
};

describe("the rounds beside the peers", () => {
  test("pair each figure with that of thence, and who goes first changes", async () => {
    const { start, asked, left } = made(({ size }) => ({ elapsedMs: size / 5 }));
    const chosen = measures.filter(({ name }) => name === "map-1k");
    const run = { ...options, rounds: 2, measures: chosen, peers: [dask], start };
    const { pairs } = await takeRounds(run);
    const pair = { peer: "dask", measure: "map-1k", peerFigure: 5_000, thenceFigure: 10_000 };
    expect(pairs).toEqual([pair, pair]);
    const order = asked.filter((line) => line.endsWith("map 1000"));
    expect(order[0]).toMatch(/^thence-peer/);
    expect(order.at(-1)).toMatch(/^thence-peer/);
    expect(asked.filter((line) => line.startsWith("start"))).toEqual([
      "start thence-peer.ts",
      "start dask-peer.py",
      "start dask-peer.py",
      "start thence-peer.ts",
    ]);
    expect(left()).toBe(0);
  });

  test("leave out 100,000 when it would take more than a minute", async () => {
    const { start, asked } = made(({ size }) => ({ elapsedMs: size * 10 }));
    const { gaps, pairs } = await takeRounds({ ...options, peers: [dask], start });
    expect(gaps).toEqual([{ peer: "dask", measure: "map-100k", why: "too long" }]);
    expect(asked.some((line) => line.includes("100000"))).toBe(false);
    expect(pairs.map(({ measure }) => measure)).toContain("map-10k");
    expect(pairs.map(({ measure }) => measure)).toContain("chain");
  });

  test("ask a peer nothing that it has no notion of", async () => {
    const { start, asked } = made(({ size }) => ({ elapsedMs: size / 10 }));
    const { gaps } = await takeRounds({ ...options, peers: [parallel], start });
    expect(gaps.map(({ measure }) => measure)).toEqual(["chain", "tree", "array"]);
    expect(asked.filter((line) => / (chain|tree|array) /.test(line))).toEqual([]);
  });

  test("go on when a measure fails, with the others and with the next peer", async () => {
    const { start, left } = made(({ measure, size }) => {
      if (measure === "chain") throw new Error("the answer was 1, not 2");
      return { elapsedMs: size / 10 };
    });
    const { failures, pairs } = await takeRounds({ ...options, peers: [dask, parallel], start });
    expect(failures).toEqual([
      { peer: "dask", measure: "chain", round: 1, message: "the answer was 1, not 2" },
    ]);
    const taken = pairs.filter(({ peer }) => peer === "dask").map(({ measure }) => measure);
    expect(taken).toEqual(measures.map(({ name }) => name).filter((name) => name !== "chain"));
    expect(pairs.some(({ peer }) => peer === "parallel")).toBe(true);
    expect(left()).toBe(0);
  });

  test("say of every measure that a peer which does not start failed it", async () => {
    const { start, left } = made(() => {
      throw new Error("it ended with exit code 1");
    });
    const { failures, pairs } = await takeRounds({ ...options, peers: [dask], start });
    expect(failures.map(({ measure }) => measure)).toEqual(measures.map(({ name }) => name));
    expect(pairs).toEqual([]);
    expect(left()).toBe(0);
  });
});
