// Fuzzing: so many frames and handshakes, in one process, against a scheduler, its relay and a worker, while a
// client that means well goes on with its work. The same seed sends the same.

import { setImmediate as nextTurn } from "node:timers/promises";
import { Random } from "../processes/random.ts";
import { expectRightAnswers, startArena, type Arena } from "./arena.ts";
import { assail } from "./handshakes.ts";
import { FuzzPeer, newTally, type Tally } from "./link-peer.ts";
import { TransferPeer } from "./transfer-peer.ts";

export const targets = ["scheduler", "worker", "relay"] as const;
export type FuzzTarget = (typeof targets)[number];

export type Outcome = {
  readonly tally: Readonly<Record<FuzzTarget, Tally>>;
  readonly handshakes: number;
  readonly steps: number;
  readonly problems: readonly string[];
  readonly arena: Arena;
};

const peersEach = 8;
/** A few connections over TCP in so many rounds, when the ones before have ended. */
const handshakeEvery = 12;

/** @param only the targets; default: all */
export async function fuzz(options: {
  seed: number;
  count: number;
  only?: readonly FuzzTarget[];
  progress?: (done: number) => void;
}): Promise<Outcome> {
  const { seed, count, only = targets, progress } = options;
  const arena = await startArena();
  const { problems, client } = arena;
  const random = new Random(seed);
  const tally = { scheduler: newTally(), worker: newTally(), relay: newTally() };
  const spoils = (index: number) => (index < peersEach / 2 ? 0.05 : 0.35);
  const linkPeers = peersOf("scheduler", (index) => {
    const role = index % 2 === 0 ? "client" : "worker";
    const how = { name: `peer${index}`, spoils: spoils(index) };
    return new FuzzPeer(role, how, { random, sessions: arena.sessions, tally: tally.scheduler });
  });
  const valuePeers = (["worker", "relay"] as const).flatMap((name) =>
    peersOf(name, (index) => {
      return new TransferPeer(arena[name], spoils(index) / 2, { random, tally: tally[name] });
    }),
  );
  function peersOf<Peer>(name: FuzzTarget, make: (index: number) => Peer): Peer[] {
    return only.includes(name) ? Array.from({ length: peersEach }, (_, index) => make(index)) : [];
  }
  const ports = [
    ...(only.includes("worker") ? [arena.ports.worker] : []),
    ...(only.includes("scheduler") || only.includes("relay") ? [arena.ports.scheduler] : []),
  ];

  let handshakes = 0;
  let connections = 0;
  let isAssailing = false;
  let assailing: Promise<void> = Promise.resolve();
  let answered: Promise<void> = Promise.resolve();
  const done = () => {
    const frames = targets.reduce((sum, name) => sum + tally[name].frames, 0);
    return frames + handshakes;
  };
  for (let round = 0; done() < count && problems.length === 0; round += 1) {
    for (const peer of linkPeers) peer.act();
    // What is said about values costs less than what is said about tasks, and has fewer cases.
    if (round % 3 === 0 || linkPeers.length === 0) for (const peer of valuePeers) peer.act();
    if (round % handshakeEvery === 0 && !isAssailing) {
      isAssailing = true;
      const four = Array.from({ length: 4 }, () => {
        // Its own chance: what it sends does not depend on who else is at work meanwhile.
        const chance = new Random(seed + 7_919 * (connections += 1));
        return assail(chance.pick(ports), chance);
      });
      assailing = Promise.all(four).then((counts) => {
        for (const each of counts) handshakes += each;
        isAssailing = false;
      });
    }
    if (round % 100 === 0) {
      await answered;
      answered = expectRightAnswers(client, 3);
      // Whatever goes wrong is told when it is awaited.
      answered.catch(() => undefined);
    }
    if (round % 2_000 === 0) progress?.(done());
    await nextTurn();
  }
  await assailing;
  await answered;
  for (const peer of [...linkPeers, ...valuePeers]) peer.leave();
  for (const name of only) problems.push(...tally[name].malformed.slice(0, 3));
  if (({} as { polluted?: unknown }).polluted !== undefined)
    problems.push("Object.prototype is changed");
  // No peer was cut off for a fault of the scheduler.
  const faults = tally.scheduler.cutOff[4005] ?? 0;
  if (faults > 0) problems.push(`${faults} peers were cut off for an internal error`);
  return { tally, handshakes, steps: arena.steps(), problems, arena };
}
