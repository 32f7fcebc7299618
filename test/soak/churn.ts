// Clients that come and go while workers die: values of every size, failures, cancelled and endless calls,
// names, queues and tasks of tasks. After each round everything is let go of, and it is seen what scheduler
// and worker keep. Both have small heaps: what piles up ends them.

import path from "node:path";
import { Client } from "../../src/index.ts";
import {
  connect,
  patientMs,
  startScheduler,
  startWorker,
  type Scheduler,
} from "../processes/daemons.ts";
import { node } from "../processes.ts";
import { Random } from "../processes/random.ts";
import { forgotten, inspectable, lookInto, type Memory } from "./memory.ts";

type Tasks = typeof import("./churn-tasks.ts");
const modules = [path.join(import.meta.dirname, "churn-tasks.ts")];

/** One who lives through it all, and one who does not. */
const [steady, mortal] = ["steady", "mortal"];
const heapFlags = ["--max-old-space-size=160", ...inspectable];

export type Round = { round: number; stories: number; seconds: number; memory: Memory };

type Visit = { client: Client<Tasks>; random: Random; scheduler: Scheduler };
type Story = (visit: Visit) => Promise<void>;

/** Each comes to a known end, and lets go of what it held when its client closes. */
const stories: Record<string, Story> = {
  async sums({ client, random }) {
    const numbers = Array.from({ length: 200 + random.below(800) }, (_, index) => index);
    const sums = await client.gather(client.map("add", numbers, numbers));
    same(
      sums,
      numbers.map((number) => 2 * number),
    );
  },
  async largeValues({ client, random }) {
    const values = client.map(
      "bytes",
      random.several(2, 6, () => 2 ** 18 + random.below(2 ** 21)),
    );
    const lengths = client.map("lengthOf", values);
    const first = await values[0]!.result();
    same(await lengths[0]!.result(), first.length);
    client.cancel(values);
  },
  async texts({ client, random }) {
    const sizes = random.several(5, 20, () => random.below(300_000));
    const lengths = await client.gather(client.map("lengthOf", client.map("text", sizes)));
    same(lengths, sizes);
  },
  async failures({ client, random }) {
    const futures = client.map("fail", Array<number>(20).fill(random.below(60_000)));
    const dependents = futures.map((future) => client.submit("add", future as never, 1));
    for (const future of dependents) await rejects(future.result());
  },
  async endlessCalls({ client }) {
    const futures = Array.from({ length: 5 }, () => client.submit("endless"));
    client.cancel(futures, { reason: "enough" });
    for (const future of futures) await rejects(future.result());
  },
  async spinning({ client }) {
    const future = client.with({ timeoutMs: 50, graceMs: 50 }).submit("spin");
    await rejects(future.result());
  },
  async scattered({ client, random }) {
    const bytes = new Uint8Array(1 + random.below(2 ** 21));
    const held = await client.scatter(bytes, { workers: [steady] });
    same(await client.submit("lengthOf", held).result(), bytes.length);
  },
  async names({ client, random }) {
    const name = `name ${random.below(2 ** 31)}`;
    await client.publish(name, { text: client.submit("text", 100_000) });
    const { text } = await client.published<{ text: { result(): Promise<string> } }>(name);
    same((await text.result()).length, 100_000);
    await client.unpublish(name);
    const queue = client.queue<string>(name);
    await queue.put("x".repeat(10_000));
    same((await queue.get()).length, 10_000);
    const variable = client.variable<number>(name);
    await variable.set(1);
    await variable.delete();
    await client.lock(name).with(async () => undefined);
  },
  async families({ client, random }) {
    const depth = random.below(4);
    same(await client.submit("family", depth).result(), 2 ** depth);
  },
  async kept({ client, random }) {
    const futures = client
      .with({ keepMs: 200 })
      .map("text", Array<number>(10).fill(random.below(50_000)));
    client.fireAndForget(futures);
    await client.wait(futures);
  },
  async killers({ client }) {
    const options = { workers: [mortal], maxWorkerLosses: 1 };
    await rejects(client.with(options).submit("dies").result());
  },
  async killedPrograms({ scheduler }) {
    const visitor = path.join(import.meta.dirname, "churn-visitor.ts");
    const program = node([visitor, scheduler.file]);
    await program.wrote(/began/);
    await program.end("SIGKILL");
  },
};

export type ChurnOptions = {
  rounds: number;
  seed: number;
  storiesPerRound: number;
  ended?: (round: Round) => void;
  /** Ends early. */
  until?: number;
};

/** The first row is of before the first round. */
export async function churn(options: ChurnOptions): Promise<Round[]> {
  const random = new Random(options.seed);
  const core = { graceMs: 2_000, clientGraceMs: 1_000 };
  const scheduler = await startScheduler({ core }, heapFlags);
  const start = (name: string, more: { flags?: string[]; isSupervised?: boolean }) =>
    startWorker(scheduler, { name, modules, threads: 2, ...more });
  const worker = await start(steady, { flags: heapFlags });
  await start(mortal, { isSupervised: true });
  const observer = await connect<Tasks>(scheduler);
  const look = await lookInto({ scheduler: scheduler.program, worker });

  const rows: Round[] = [];
  const note = async (round: number, told: number, seconds: number) => {
    const row = { round, stories: told, seconds, memory: await look() };
    rows.push(row);
    options.ended?.(row);
  };
  await note(0, 0, 0);
  const names = Object.keys(stories);
  for (let round = 1; round <= options.rounds; round++) {
    const began = performance.now();
    const chosen = Array.from({ length: options.storiesPerRound }, (_, index) => ({
      name: names[index % names.length]!,
      place: random.next(),
    }))
      .toSorted((one, other) => one.place - other.place)
      .map(({ name }) => name);
    const tell = async () => {
      for (let name = chosen.pop(); name !== undefined; name = chosen.pop()) {
        await visit(scheduler, name, new Random(random.below(2 ** 31)));
      }
    };
    await Promise.all([tell(), tell(), tell()]);
    await observer.queue("left behind").clear();
    await forgotten(observer);
    await note(round, options.storiesPerRound, (performance.now() - began) / 1_000);
    if (performance.now() > (options.until ?? Infinity)) break;
  }
  return rows;
}

async function visit(scheduler: Scheduler, name: string, random: Random): Promise<void> {
  const { url, token } = scheduler;
  const client = await Client.connect<Tasks>(url, { token, timeoutMs: patientMs });
  try {
    await stories[name]!({ client, random, scheduler });
  } catch (error) {
    throw new Error(`the story "${name}" went wrong`, { cause: error });
  } finally {
    await client.close();
  }
}

function same(found: unknown, expected: unknown): void {
  const [left, right] = [JSON.stringify(found), JSON.stringify(expected)];
  if (left !== right) throw new Error(`${left.slice(0, 200)} came, and not ${right.slice(0, 200)}`);
}

async function rejects(result: Promise<unknown>): Promise<void> {
  const value = await result.then(
    () => "a value",
    () => undefined,
  );
  if (value !== undefined) throw new Error("it did not fail");
}
