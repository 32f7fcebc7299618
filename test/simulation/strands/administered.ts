// Clients that have workers leave, and one that restarts everything, in the midst of it all.

import type { Task, Worker } from "../../../scheduler/core/state.ts";
import type { Failed, Stage } from "./stage.ts";

/** What only that worker had is elsewhere when it has left. */
export function retired(stage: Stage): void {
  const { random } = stage;
  const { cluster, faults, tell } = stage.options;
  const owner = random.pick(stage.clients);
  stage.run(owner, "a retirement", async (client) => {
    for (let times = 1 + random.below(2); times > 0; times -= 1) {
      await stage.sleepABit();
      const workers = [...(cluster.state?.workers.values() ?? [])].filter((each) => !each.leaving);
      // One must stay: what runs on the one that leaves may wait for sub-tasks.
      if (workers.length < 2) continue;
      const worker = random.pick(workers);
      const only = onlyOn(worker);
      const struck = faults.struck;
      const isQuiet = faults.nothingIsBroken;
      faults.mayRunAgain = faults.mayLoseData = true;
      tell(`${worker.name} is retired`);
      let isForced = false;
      try {
        const retiring = client.retireWorkers([worker.name]);
        const isSoon = retiring.then(() => true);
        // It may hold what is too large for the others, and stay for that.
        if (!(await Promise.race([isSoon, stage.sleep(3_000).then(() => false)]))) {
          isForced = true;
          tell(`${worker.name} is forced to go`);
          // By its id: a scheduler that goes on from its journal has another object for it.
          const isThere = cluster.state?.workers.has(worker.id);
          if (isThere) await client.retireWorkers([worker.name], { force: true });
        }
        await retiring;
      } catch (error) {
        const { code } = error as Failed;
        const isThere = cluster.state?.workers.has(worker.id);
        if (code !== "worker-lost") throw error;
        stage.expect(!isThere || faults.struck > struck, "a worker that is there was not found");
        continue;
      }
      if (isForced || !isQuiet || faults.struck > struck || stage.restarted) continue;
      for (const { task, attempt } of only) {
        const isNeeded = task.wantedBy !== undefined || task.dependents !== undefined;
        if (cluster.state?.tasks.get(task.key) !== task || !isNeeded) continue;
        const isKept = task.state.at === "finished" && task.attempt === attempt;
        stage.expect(
          isKept,
          `what only ${worker.name} had was lost: ${task.key} is ${task.state.at}`,
        );
      }
    }
  });

  /** What nobody else holds, if somebody is there to take that. */
  function onlyOn(worker: Worker): { task: Task; attempt: number }[] {
    // One that the scheduler knows, and that died, joins only when that has been noticed.
    const process = cluster.workers.find(({ shape }) => shape.name === worker.name);
    if (process?.running === undefined) return [];
    const canTake = ({ leaving, paused, memoryBytes }: Worker) =>
      !leaving && paused === undefined && memoryBytes >= 2 ** 30;
    const others = [...cluster.state!.workers.values()].filter((each) => each !== worker);
    if (!others.some(canTake)) return [];
    const isOnly = ({ state }: Task) => state.at === "finished" && state.holders?.size === 1;
    return [...worker.holds].filter(isOnly).map((task) => ({ task, attempt: task.attempt }));
  }
}

/** Everything of everybody is cancelled, and what comes after that is as if nothing had been. */
export function startedAnew(stage: Stage): void {
  const { random } = stage;
  const { time, tell } = stage.options;
  const owner = random.pick(stage.clients);
  stage.run(owner, "a restart", async (client) => {
    await stage.sleepABit();
    tell(`${owner.scope.name} restarts everything`);
    stage.restartedUntil = Infinity;
    try {
      await client.restart({ reason: "a fresh start" });
    } finally {
      stage.restartedUntil = time.now;
    }
  });
}
