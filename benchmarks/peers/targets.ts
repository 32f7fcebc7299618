// What thence is to reach beside the peers, as times as fast, and whether it does.

import type { Spread } from "../runner/statistics.ts";

export type PeerTarget = {
  peer: string;
  measure: string;
  atLeast: number;
  /** As it is said. */
  about: string;
};

export type Verdict = PeerTarget & { times?: Spread; verdict: "met" | "missed" | "not measured" };

export const targets: readonly PeerTarget[] = [
  rateTarget("dask", 100),
  rateTarget("celery", 100),
  rateTarget("ray", 20),
  rateTarget("bullmq", 12),
  rateTarget("piscina", 2.5),
  tripTarget("bullmq", 2, "at most ½ the round trip"),
  tripTarget("dask", 10, "at most 1/10 of the round trip"),
];

function rateTarget(peer: string, atLeast: number): PeerTarget {
  return { peer, measure: "map-10k", atLeast, about: `≥ ${atLeast} × the rate at 10,000` };
}

function tripTarget(peer: string, atLeast: number, about: string): PeerTarget {
  return { peer, measure: "round-trip", atLeast, about };
}

/** Judges the median of how many times as fast thence was. */
export function judge(
  target: PeerTarget,
  times: (peer: string, measure: string) => Spread | undefined,
): Verdict {
  const found = times(target.peer, target.measure);
  if (found === undefined) return { ...target, verdict: "not measured" };
  const met = found.median >= target.atLeast;
  return { ...target, times: found, verdict: met ? "met" : "missed" };
}
