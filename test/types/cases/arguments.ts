// What may be an argument: values, futures of them, and values with futures inside, at any depth.

import type { Client, Future } from "thence";
import { Color, Mood } from "./tasks.ts";
import type { Column, Expression, Folder, Json, Link, UserId } from "./tasks.ts";

declare const client: Client<typeof import("./tasks.ts")>;
declare const number: Future<number>;
declare const text: Future<string>;
declare const flag: Future<boolean>;

// A future wherever its value may stand.
client.submit("add", number, number);
client.submit("decide", flag);
client.submit("decide", true);
client.submit("either", number);
client.submit("either", text);
client.submit("either", null);
client.submit("area", { width: number, height: 2, name: text });
client.submit("area", client.submit("anything", 1) as Future<{ width: number; height: number }>);
client.submit("count", new Map([["a", number]]), new Set([text, "b"]));
client.submit("count", new Map([[text, 1]]), new Set(["b"]));
client.submit("table", { a: [1, number], b: client.submit("anything", 0) as Future<number[]> });
client.submit("send", { name: "Ada", message: text, attempts: number });

// error: 'string' is not assignable to parameter of type 'number | Future<number>'
client.submit("add", 1, "10");
// error: 'Future<string>' is not assignable to parameter of type 'number | Future<number>'
client.submit("add", 1, text);
// error: Expected 3 arguments, but got 2
client.submit("add", 1);
// error: Expected 3 arguments, but got 4
client.submit("add", 1, 2, 3);
// error: 'string' is not assignable to type 'number | Future<number>'
client.submit("area", { width: 1, height: "2" });
// error: 'nam' does not exist in type
client.submit("area", { width: 1, height: 2, nam: "x" });
// error: Property 'height' is missing
client.submit("area", { width: 1 });
// error: '"ad"' is not assignable to parameter of type … "add"
client.submit("ad", 1, 10);
// error: '"limit"' is not assignable to parameter of type … "add"
client.submit("limit");

// Recursive types.
declare const json: Json;
declare const expression: Expression;
declare const link: Link;
declare const folder: Folder;
client.submit("json", json);
client.submit("json", { a: [1, number, { b: text }] });
client.submit("evaluate", expression);
client.submit("evaluate", ["+", 1, ["*", number, 2], client.submit("evaluate", 3)]);
client.submit("lengthOf", link);
client.submit("lengthOf", [1, [number, null]]);
client.submit("walk", folder);
client.submit("walk", { name: text, children: [{ name: "a", children: [] }, folder] });
// error: is not assignable to parameter of type 'ValueOrFutures<Folder>'
client.submit("walk", 1);
// error: 'string' is not assignable to type 'number | Future<number>'
client.submit("lengthOf", ["1", null]);

// What is read-only, for values are copied.
declare const names: readonly string[];
declare const cells: { readonly a: readonly number[] };
client.submit("table", cells);
client.submit("table", { a: [1, 2] } as const);
client.submit("total", ...([1, 2] as const));
client.submit("longest", names, names);

// Optional and rest parameters, and no parameters.
client.submit("greet", "Ada");
client.submit("greet", "Ada", text);
client.submit("greet", "Ada", undefined);
client.submit("total");
client.submit("total", 1, number, 3);
client.submit("tagged", "a", 1, "b", number);
client.submit("tick");
// error: 'string' is not assignable to parameter of type 'number | Future<number>'
client.submit("total", 1, "2");
// error: Expected 1 arguments, but got 2
client.submit("tick", 1);

// Unions, brands, `unknown`, `any`, `object`.
declare const id: UserId;
client.submit("userOf", id);
client.submit("userOf", client.submit("anything", 1) as Future<UserId>);
client.submit("anything", { any: [number, new Map()] });
client.submit("loose", number);
client.submit("shape", { a: 1 }, "text");
// error: 'string' is not assignable to parameter of type
client.submit("userOf", "Ada");
// error: 'number' is not assignable to parameter of type
client.submit("shape", 1, 1);

// Values whose types are inferred from the parameter.
client.submit("count", new Map(), new Set());
client.submit("rank", new Map([["a", "high" as const]]), new Set<"a" | "b">(["a", "b"]));
client.submit("rank", new Map(), new Set());
client.submit("paint", { kind: "circle", r: number });
client.submit("paint", { kind: "dot" });
client.submit("sumOf", []);
client.map("paint", [{ kind: "dot" }, { kind: "circle", r: 1 }]);
// error: '"square"' is not assignable to type
client.submit("paint", { kind: "square" });

// Enums, bigint, many parameters, many properties.
declare const row: Record<Column, number>;
client.submit("mix", Color.Red, Mood.Glad, 1n);
client.submit("mix", client.submit("paint", { kind: "dot" }), Mood.Glad, 1n);
client.submit("spread", 1, 2, 3, 4, 5, 6, 7, 8, 9, number, text);
client.submit("wide", row);
client.submit("wide", { ...row, c000: number });

// Dates, errors, binary values; and what can be iterated over, but for iterators.
client.submit("describe", new TypeError("x"), new Date(), new URL("ws://a"), /x/);
client.submit("pixels", new Uint8Array(1), new Float64Array(1));
client.submit("pixels", Buffer.of(1), new Float64Array(new SharedArrayBuffer(8)));
client.submit("copyOf", Buffer.of(1));
client.submit("sumOf", [1, number]);
client.submit("sumOf", new Set([number, 2]));
client.submit("sumOf", new Float64Array(3));
// error: is not assignable to parameter of type
client.submit("sumOf", new Set([1]).values());

// The columns of `map` are anything that can be iterated over, iterators too.
client.map("add", [1, number], new Set([2]).values());
client.map("add", [1, 2] as const, client.map("add", [1, 2], [3, 4]));
client.map("greet", ["Ada", "Alan"]);
client.map("total", [1], [2], [3]);
client.map("json", [json, 1, { a: number }]);
// error: 'string' is not assignable to type 'number | Future<number>'
client.map("add", [1], ["10"]);
// error: 'number' is not assignable to parameter of type 'Iterable<
client.map("add", 1, 10);
// error: Expected 3 arguments, but got 2
client.map("add", [1]);

// Options lift no check.
client.with({ retries: 1 }).submit("add", 1, number);
// error: '"ad"' is not assignable to parameter of type … "add"
client.with({ retries: 1 }).submit("ad", 1, 10);
// error: 'string' is not assignable to parameter of type 'number | Future<number>'
client.with({ priority: 1 }).submit("add", 1, "10");
