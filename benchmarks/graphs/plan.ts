// Takes the samples: in every round every graph on every system, one system right after the other, for
// a shared machine is quicker at one moment than at the next.

import { formatNumber } from "../runner/table.ts";
import { graphNamed, type Graph } from "./graphs.ts";
import { threads, concurrency, type GraphSystem, type Sample, type SystemName } from "./systems.ts";

export type Plan = { graphs: readonly Graph[]; repeat: number };

/** The samples of one graph on one system, by round. */
export type Taken = { graph: string; tasks: number; system: SystemName; samples: Sample[] };

export type PlanOptions = {
  /** Brings up a system at its first use. */
  system: (name: SystemName) => Promise<GraphSystem>;
  report: (line: string) => void;
  /** Stops between two samples. */
  signal: AbortSignal;
};

/** Past this a graph of slow tasks is run once: it hardly varies. */
const onceAboveMs = 3_000;

export async function takePlan(plan: Plan, options: PlanOptions): Promise<Taken[]> {
  const taken = plan.graphs.flatMap((graph) =>
    systemsFor(graph).map((system): Taken => {
      return { graph: graph.name, tasks: graph.tasks, system, samples: [] };
    }),
  );
  for (let round = 0; round <= plan.repeat; round++) {
    // Who comes later finds the machine awake, so they change places.
    const order = round % 2 === 0 ? taken : taken.toReversed();
    for (const { graph, tasks, system, samples } of order) {
      options.signal.throwIfAborted();
      const bestMs = bestMsOf(graphNamed(graph));
      if (bestMs > onceAboveMs && round !== 1) continue;
      const sample = await (await options.system(system)).run(graph);
      const rate = `${formatNumber((tasks / sample.elapsedMs) * 1000, 0)} tasks/s`;
      const when = round === 0 ? "warm-up" : `round ${round}`;
      options.report(`${when.padEnd(9)}${graph.padEnd(24)}${system.padEnd(9)}${rate.padStart(18)}`);
      if (round > 0) samples.push(sample);
    }
  }
  return taken;
}

/** What nobody can beat: every slot sleeps without a pause. */
export function bestMsOf({ tasks, sleepMs }: Pick<Graph, "tasks" | "sleepMs">): number {
  return Math.ceil((tasks - 1) / (threads * concurrency)) * sleepMs;
}

/** More zero workers than one on the two graphs that have a target. */
function systemsFor({ name, sleepMs }: Graph): SystemName[] {
  if (sleepMs > 0) return ["slots"];
  const crowd: SystemName[] = name === "merge-100K" || name === "tree-15" ? ["zero-24"] : [];
  return ["workers", ...crowd, "zero", "relay", "core"];
}
