// What a call gives, as an editor shows it: the comment behind a variable is its type.

import type { Client, Future } from "thence";
import * as tasks from "./tasks.ts";
import type { Folder, Json, UserId } from "./tasks.ts";

declare const client: Client<typeof tasks>;
declare const untyped: Client;
declare const number: Future<number>;

export const sum = client.submit("add", 1, 10); // Future<number>
export const word = client.submit("later", "x"); // Future<string>
export const when = client.submit("tick"); // Future<Date>
export const none = client.submit("nothing"); // Future<void>
export const unknown = client.submit("anything", 1); // Future<unknown>
export const any = client.submit("loose", 1); // Future<any>
export const sums = client.map("add", [1], [2]); // Future<number>[]
export const user = client.submit("userOf", "a" as UserId); // Future<{ id: UserId; roles: readonly ("admin" | "guest")[]; }>
export const counts = client.submit("count", new Map(), new Set()); // Future<Map<string, bigint>>
export const json = client.submit("json", null); // Future<Json>
export const folder = client.submit("walk", { name: "", children: [] }); // Future<Folder>
export const guarded = client.submit("isText", 1); // Future<boolean>
export const urgent = client.with({ priority: 1 }).submit("add", 1, 2); // Future<number>
export const partly = client.submit("maybeFunction", 1); // Future<number | (() => number)>
export const named = untyped.submit("add", 1, 2); // Future<unknown>
export const passed = untyped.submit(tasks.add, 1, number); // Future<number>

// The value is the one of the result, and a future is not its value.
export const value = await sum.result(); // number
export const awaited = await sum; // Future<number>
export const failure = await sum.exception(); // Error | undefined
// error: 'Future<number>' is not assignable to type 'number'
export const wrong: number = sum;
// error: 'Future<number>' is not assignable to type 'Future<string>'
export const wrongFuture: Future<string> = sum;

// Overloaded functions: the first signature that takes the arguments.
export const parsed = client.submit("parse", "ff"); // Future<number>
export const parsedWith = client.submit("parse", "ff", 16); // Future<bigint>
export const parsedLater = client.submit("parse", word, number); // Future<bigint>
export const depth = client.submit("setting", "depth"); // Future<number>
export const title = client.submit("setting", "title"); // Future<string>
export const other = client.submit("setting", "other"); // Future<unknown>
export const all = client.map("parse", ["ff", "ee"]); // Future<number>[]
export const itself = untyped.submit(tasks.parse, "ff"); // Future<number>
export const itselfWith = untyped.submit(tasks.parse, "ff", 16); // Future<bigint>
export const titleItself = untyped.submit(tasks.setting, "title"); // Future<string>
// error: is not assignable to parameter of type '[text: string | Future<string>] | [text: string
client.submit("parse", 1);
// error: 'string' is not assignable to type 'number | Future<number>'
client.submit("parse", "1", "2");
// error: is not assignable to parameter of type '[text: string | Future<string>] | [text: string
untyped.submit(tasks.parse, 1);

// Generic functions: passed themselves they keep their inference, by name it is lost.
export const item = client.submit(tasks.first, [1, 2]); // Future<number>
export const itemLater = client.submit(tasks.first, client.submit(tasks.first, [["a"]])); // Future<string>
export const both = client.submit(tasks.pair, 1, word); // Future<[number, string]>
export const long = client.submit(tasks.longest, "a", "bc"); // Future<string>
export const items = client.map(tasks.first, [[1], [2]]); // Future<number>[]
export const said = client.submit(tasks.first<number>, [1, 2]); // Future<number>
export const lost = client.submit("first", [1, 2]); // Future<unknown>
// error: 'number' is not assignable to parameter of type
client.submit(tasks.first, 1);
// error: Expected 2 arguments, but got 1
client.submit(tasks.first);

// Functions passed themselves are checked as names are.
// error: 'string' is not assignable to parameter of type 'number | Future<number>'
untyped.submit(tasks.add, 1, "10");
// error: Expected 3 arguments, but got 2
untyped.submit(tasks.add, 1);
// error: 'nam' does not exist in type
untyped.submit(tasks.area, { width: 1, height: 2, nam: "x" });
// error: 'number' is not assignable to parameter of type
untyped.submit(1);
