// Takes the samples: every scenario in every round, the floor and what is held against it right after
// one another, for a shared machine is quicker at one moment than at the next.

import { mergeSamples, type Sample, type Scenario, type Subject } from "../scenario.ts";
import type { System } from "../system.ts";
import { cpuMicrosOf } from "./cpu.ts";

/** The samples of one scenario, by round: `floor[i]` was taken beside `subject[i]`. */
export type Taken = { scenario: Scenario; size: number; subject: Sample[]; floor: Sample[] };

export type RoundsOptions = {
  rounds: number;
  quick: boolean;
  /** Brings up a system at its first use. */
  system: (name: Subject["system"]) => Promise<System>;
  /** Told after every scenario of every round; round 0 is the warm-up, which is not kept. */
  report: (round: number, scenario: Scenario, subject: Sample, floor: Sample | undefined) => void;
  /** Stops between two samples. */
  signal: AbortSignal;
};

export async function takeRounds(
  scenarios: readonly Scenario[],
  options: RoundsOptions,
): Promise<Taken[]> {
  const taken = scenarios.map((scenario): Taken => {
    const size = options.quick ? scenario.quickSize : scenario.size;
    return { scenario, size, subject: [], floor: [] };
  });
  for (let round = 0; round <= options.rounds; round++) {
    for (const { scenario, size, subject, floor } of taken) {
      const { maxRounds } = scenario;
      // What runs on processes of its own each time has nothing to warm up.
      if (maxRounds !== undefined && (round === 0 || round > maxRounds)) continue;
      const pair = await takePair(scenario, size, round, options);
      options.report(round, scenario, pair.subject, pair.floor);
      if (round === 0) continue;
      subject.push(pair.subject);
      if (pair.floor !== undefined) floor.push(pair.floor);
    }
  }
  return taken;
}

type Pair = { subject: Sample; floor: Sample | undefined };

async function takePair(
  scenario: Scenario,
  size: number,
  round: number,
  options: RoundsOptions,
): Promise<Pair> {
  const { subject, floor, turns = 1 } = scenario;
  const subjectSystem = await options.system(subject.system);
  const floorSystem = await options.system("floor");
  const measure = "measure" in subject ? subject.measure : scenario.name;
  // The sizes of a map or a tree say what they are, so only calls one at a time are shared out.
  const share = floor?.measure === "round-trip" ? Math.ceil(size / turns) : size;

  const ofSubject: Sample[] = [];
  const ofFloor: Sample[] = [];
  const takeSubject = async () => ofSubject.push(await sample(subjectSystem, measure, share));
  const takeFloor = async () => {
    if (floor === undefined) return;
    ofFloor.push(await sample(floorSystem, floor.measure, share));
  };
  for (let turn = 0; turn < turns; turn++) {
    options.signal.throwIfAborted();
    // Who goes second finds the machine awake, so they change places.
    const order = (round + turn) % 2 === 0 ? [takeFloor, takeSubject] : [takeSubject, takeFloor];
    for (const take of order) await take();
  }
  return {
    subject: mergeSamples(ofSubject),
    floor: ofFloor.length > 0 ? mergeSamples(ofFloor) : undefined,
  };
}

async function sample(system: System, measure: string, size: number): Promise<Sample> {
  const before = await cpuOf(system);
  const taken = await system.sample(measure, size);
  const after = await cpuOf(system);
  if (before === undefined || after === undefined) return taken;
  const cpuMicros = {
    client: after.client - before.client,
    scheduler: after.scheduler - before.scheduler,
    worker: after.worker - before.worker,
  };
  return { ...taken, cpuMicros };
}

async function cpuOf({ pids }: System): Promise<Sample["cpuMicros"]> {
  if (pids === undefined) return undefined;
  const client = await cpuMicrosOf(pids.client);
  const scheduler = await cpuMicrosOf(pids.scheduler);
  const worker = await cpuMicrosOf(pids.worker);
  if (client === undefined || scheduler === undefined || worker === undefined) return undefined;
  return { client, scheduler, worker };
}
