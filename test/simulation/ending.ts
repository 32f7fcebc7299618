// How a simulation ends: somebody cleans up what would stay for ever, everybody says goodbye, and
// then nothing may be alive: no timer, no peer in the core.

import type { Client } from "../../client/client.ts";
import { clientGraces, type Cluster } from "./cluster.ts";
import type { Scope, VirtualTime } from "./virtual-time.ts";

export type Ending = {
  time: VirtualTime;
  cluster: Cluster;
  graceMs: number;
  patienceMs: number;
  problem: (what: string) => void;
};

/** Has a client of its own do this, which was never away. */
export async function cleanUp(
  { time, cluster, patienceMs, problem }: Ending,
  cleanings: readonly ((client: Client) => Promise<void>)[],
): Promise<void> {
  if (cleanings.length === 0) return;
  // What those had who are gone without a word, or whose session is over, goes back where it was when their
  // grace is over.
  const gone = cluster.clients.filter(({ scope }) => scope.dead).map(({ scope }) => scope.name);
  const areForgotten = () => {
    const known = [...(cluster.state?.clients.values() ?? [])];
    return !known.some(({ name, awayUntil }) => gone.includes(name) || awayUntil !== undefined);
  };
  await time.run(areForgotten, time.now + patienceMs);
  const cleaner = cluster.startClient("client-cleaner");
  const failed = (error: unknown) => problem(`cleaning up: ${String(error)}`);
  let left = cleanings.length;
  const clean = async (client: Client) => {
    for (const cleaning of cleanings) {
      await cleaning(client).catch(failed);
      left -= 1;
    }
  };
  const isConnected = () => cleaner.client !== undefined;
  await time.run(isConnected, time.now + patienceMs);
  if (cleaner.client) time.within(cleaner.scope, () => void clean(cleaner.client!));
  const isDone = await time.run(() => left === 0, time.now + patienceMs);
  if (!isDone) problem("cleaning up did not come to its end");
}

export async function shutDown(ending: Ending): Promise<void> {
  const { time, cluster, graceMs, patienceMs, problem } = ending;
  cluster.isClosing = true;
  const end = async (scope: Scope, close: () => Promise<unknown>): Promise<void> => {
    let isOver = false;
    time.within(scope, () => void close().then(() => (isOver = true)));
    await time.run(() => isOver, time.now + patienceMs);
    if (!isOver) problem(`${scope.name} did not come to its end`);
  };
  for (const peer of cluster.clients) {
    const { scope, client } = peer;
    if (client === undefined) cluster.crashClient(peer, { noticed: true });
    else if (!scope.dead) await end(scope, () => client.close());
  }
  for (const worker of cluster.workers) {
    const { scope, running } = worker;
    // It may still be looking for the scheduler, with nothing to say goodbye to.
    if (running === undefined) cluster.crashWorker(worker, { noticed: true });
    else if (!scope.dead) await end(scope, () => running.stop());
  }
  // Those that are gone without a word have their grace.
  await time.run(() => false, time.now + (clientGraces + 1) * graceMs + 10_000);
  const { clients, workers } = cluster.state!;
  for (const { name } of clients.values()) problem(`${name} is still in the core`);
  for (const { name } of workers.values()) problem(`${name} is still in the core`);
  await end(cluster.scheduler, () => cluster.stopScheduler());
  await time.run(() => false, time.now + 10_000);
  const alive = new Set(time.pending().map(({ scope }) => scope.process));
  for (const { name } of alive) problem(`a timer keeps ${name} alive`);
}
