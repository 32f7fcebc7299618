// Functions around a client, as users write them: over names, over functions, over clients.

import type { Client, Future, TaskArguments, TaskName, TaskResult, WithFutures } from "thence";
import * as tasks from "./tasks.ts";

type Tasks = typeof tasks;
declare const client: Client<Tasks>;

// Any task of a module, by name.
function logged<Name extends TaskName<Tasks>>(
  name: Name,
  ...args: TaskArguments<Tasks, Name>
): Future<TaskResult<Tasks, Name>> {
  console.log(name);
  return client.submit(name, ...args);
}
export const sum = logged("add", 1, 2); // Future<number>
export const greeting = logged("greet", "Ada"); // Future<string>
// error: 'string' is not assignable to parameter of type 'number | Future<number>'
logged("add", 1, "2");

// Any function, with its parameters or over many values.
function direct<Parameters_ extends unknown[], Result>(
  task: (...args: Parameters_) => Result,
  ...args: Parameters_
): Future<Awaited<Result>> {
  return client.submit(task, ...args);
}
export const directly = direct(tasks.add, 1, 2); // Future<number>

async function each<Item, Result>(
  via: Client,
  task: (item: Item) => Result,
  items: readonly Item[],
): Promise<Awaited<Result>[]> {
  return via.gather(via.map(task, items));
}
export const words = await each(client, tasks.later, ["a", "b"]); // string[]

async function once<Result>(task: () => Promise<Result>): Promise<Result> {
  return client.submit(task).result();
}
export const opened = await once(async () => 1); // number

// A class of its own, whose type parameter flows into a task.
export class Pool<Item> {
  readonly #client: Client<{ work: (item: Item) => number }>;
  constructor(client: Client<{ work: (item: Item) => number }>) {
    this.#client = client;
  }
  run(item: WithFutures<Item>): Future<number> {
    return this.#client.submit("work", item);
  }
}

// A helper that needs some of the tasks takes a client of more; one that needs none takes any.
const twice = (via: Client<Pick<Tasks, "add">>, x: number) => via.submit("add", x, x);
export const doubled = twice(client, 1); // Future<number>
const close = (via: Client) => via.close();
export const closed = close(client); // Promise<void>

// Tasks described by hand: an interface, names with a prefix, a record.
type ByHand = { "stats.mean": (values: number[]) => number } & Pick<Tasks, "add">;
interface Methods {
  double(x: number): number;
}
declare const byHand: Client<ByHand>;
declare const methods: Client<Methods>;
declare const record: Client<Record<string, (x: number) => string>>;
declare const anyClient: Client<any>;
export const mean = byHand.submit("stats.mean", [1, 2]); // Future<number>
export const two = methods.submit("double", 1); // Future<number>
export const recorded = record.submit("whatever", 1); // Future<string>
export const known = anyClient.submit(tasks.add, 1, 2); // Future<number>
// error: '"mean"' is not assignable to parameter of type … "add"
byHand.submit("mean", [1, 2]);

// One of several names.
declare const name: "add" | "total";
export const eitherWay = client.submit(name, 1, 2); // Future<number>
