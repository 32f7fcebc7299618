// What `gather` gives: the same shape, with values in the places of futures.

import type { Client, Future } from "thence";
import type { Expression, Folder, Json } from "./tasks.ts";

declare const client: Client;
declare const number: Future<number>;
declare const word: Future<string>;
declare const json: Json;
declare const expression: Expression;
declare const folder: Folder;
declare const many: Future<number>[];
declare const readonlyMany: readonly Future<number>[];
declare const flags: Future<boolean>;
declare const error: TypeError;

export const one = await client.gather(number); // number
export const flag = await client.gather(flags); // boolean
export const two = await client.gather([number, word]); // [number, string]
export const list = await client.gather(many); // number[]
export const copied = await client.gather(readonlyMany); // number[]
export const some = await client.gather([number, word], { errors: "skip" }); // (string | number)[]
export const object = await client.gather({ number, list: [word], at: new Date() }); // { number: number; list: [string]; at: Date; }
export const map = await client.gather(new Map([["a", number]])); // Map<string, number>
export const set = await client.gather(new Set([word])); // Set<string>
export const deep = await client.gather({ a: [{ b: number }] } as const); // { a: [{ b: number; }]; }
export const bytes = await client.gather([new Uint8Array(1), error] as [Uint8Array, TypeError]); // [Uint8Array<ArrayBufferLike>, TypeError]
export const mail = await client.gather({ name: "Ada", message: "hello", sent: number }); // { name: "Ada"; message: "hello"; sent: number; }

// Recursive types keep their names where there are no futures in them.
export const data = await client.gather([json, number]); // [Json, number]
export const tree = await client.gather({ expression, number }); // { expression: Expression; number: number; }
export const name = (await client.gather(folder)).children[0]?.parent?.name; // string | undefined
type Plan = Future<number> | Plan[] | { [step: string]: Plan };
declare const plan: Plan;
export const planned = await client.gather(plan);
if (Array.isArray(planned)) planned.pop();

// Promises and iterators are not looked into.
export const promised = await client.gather([number.result()]); // [Refused<"gather takes the futures themselves: there is a promise among them">]
export const iterated = await client.gather(many.values()); // Refused<"gather looks into arrays, plain objects, Maps and Sets: spread an iterator into an array">

// The rest of what takes futures.
export const waited = await client.wait(many, { returnWhen: "first" }); // { done: Future<number>[]; notDone: Future<number>[]; }
export const mixed = client.asCompleted([number, word]); // AsCompleted<Future<number> | Future<string>>
export const scattered = await client.scatter(json); // Future<Json>
export const published = await client.published<{ model: Future<Float64Array> }>("m"); // { model: Future<Float64Array>; }
export const everywhere = await client.run("f"); // Record<string, unknown>
// error: 'number' is not assignable to type 'Future<unknown>'
void client.wait([1, 2]);
