// The pure core driven in one process with no sockets: clients that submit, zero workers that answer
// at once, and a stopwatch that runs only while the core does.

import type { Effect } from "../../scheduler/core/effects.ts";
import { createState, type State } from "../../scheduler/core/state.ts";
import { step, type Event } from "../../scheduler/core/step.ts";
import type { FromClient, FromWorker, ToWorker } from "../../src/wire/protocol.ts";

export type StageOptions = {
  workers: number;
  /** Of each worker. */
  slots: number;
  clients?: number;
  functions: readonly string[];
};

type Run = Extract<ToWorker, { type: "run" }>;

export class Stage {
  readonly state: State = createState();
  /** Spent in the core: by the clock, and by the processor of this thread. */
  spent = { ms: 0, cpuMicros: 0 };
  /** Results that clients were told of. */
  finished = 0;
  /** What workers have been sent and have not answered, in the order in which they were sent it. */
  #runs = new Map<string, Run[]>();

  constructor({ workers, slots, clients = 1, functions }: StageOptions) {
    const joining: Event[] = [];
    for (let index = 0; index < clients; index++) {
      const id = clientId(index);
      joining.push({ type: "client-joins", id, name: id });
    }
    for (let index = 0; index < workers; index++) {
      const id = `w${index}`;
      const facts = { name: id, host: "host", pid: 1, threads: slots, slots, functions };
      joining.push({ type: "worker-joins", id, ...facts, resources: {} });
    }
    this.#perform(joining);
    this.spent = { ms: 0, cpuMicros: 0 };
  }

  /** One frame of a client's. */
  say(messages: readonly FromClient[], client = 0): void {
    this.#perform([{ type: "client-messages", from: clientId(client), messages }]);
  }

  /** Has every worker that was sent something answer, and again, until nothing is left to run. */
  runAll(): void {
    while (this.#runs.size > 0) {
      const runs = this.#runs;
      this.#runs = new Map();
      const answers = Array.from(runs, ([from, sent]): Event => {
        return { type: "worker-messages", from, messages: sent.map(answerTo) };
      });
      this.#perform(answers);
    }
  }

  #perform(events: readonly Event[]): void {
    const effects: Effect[][] = [];
    const startMs = performance.now();
    const startCpu = threadMicros();
    for (const event of events) effects.push(step(this.state, startMs, event));
    this.spent.cpuMicros += threadMicros() - startCpu;
    this.spent.ms += performance.now() - startMs;
    for (const effect of effects.flat()) this.#carryOut(effect);
  }

  #carryOut(effect: Effect): void {
    if (effect.do === "send-to-worker") {
      let runs = this.#runs.get(effect.to);
      if (runs === undefined) this.#runs.set(effect.to, (runs = []));
      for (const message of effect.messages) if (message.type === "run") runs.push(message);
    } else if (effect.do === "send-to-client") {
      for (const message of effect.messages) {
        if (message.type === "finished") this.finished += message.keys.length;
      }
    }
  }
}

type Clocks = Pick<NodeJS.Process, "threadCpuUsage" | "cpuUsage">;

/** Processor time of this thread; before Node 22.19, which cannot tell, that of the whole process. */
function threadMicros(): number {
  const { threadCpuUsage, cpuUsage }: Partial<Clocks> & Pick<Clocks, "cpuUsage"> = process;
  const { user, system } = (threadCpuUsage ?? cpuUsage).call(process);
  return user + system;
}

function clientId(index: number): string {
  return `c${index}`;
}

/** Through text and back: keys that come over a socket are new strings, and are looked up as such. */
function answerTo({ keys, attempts }: Run): FromWorker {
  const answer: FromWorker = {
    type: "finished",
    keys,
    attempts,
    values: new Array<string>(keys.length).fill("1"),
    micros: new Array<number>(keys.length).fill(1),
  };
  return JSON.parse(JSON.stringify(answer)) as FromWorker;
}
