// Ways to say which tasks a client knows.

import type { Client } from "thence";
import type * as namespace from "./tasks.ts";
import * as values from "./tasks.ts";
import oldTasks from "./old-tasks.cjs";

declare const byImportType: Client<typeof import("./tasks.ts")>;
declare const byNamespace: Client<typeof namespace>;
declare const byValues: Client<typeof values>;
declare const byObject: Client<typeof object>;
declare const byCommonJs: Client<typeof import("./old-tasks.cjs")>;
declare const byDefault: Client<typeof import("./default-tasks.ts")>;
declare const byTwo: Client<typeof namespace & typeof import("./old-tasks.cjs")>;

const object = { add: values.add, parse: values.parse } as const;

export const one = byImportType.submit("add", 1, 2); // Future<number>
export const two = byNamespace.submit("add", 1, 2); // Future<number>
export const three = byValues.submit("add", 1, 2); // Future<number>
export const four = byObject.submit("parse", "1", 2); // Future<bigint>
export const five = byCommonJs.submit("halve", 1); // Future<number>
export const six = byTwo.submit("halve", byTwo.submit("add", 1, 2)); // Future<number>
export const seven = byCommonJs.submit(oldTasks.halve, 1); // Future<number>
export const eight = byDefault.submit("twice", 1); // Future<number>
// error: '"version"' is not assignable to parameter of type … "halve"
byCommonJs.submit("version", 1);
// error: '"default"' is not assignable to parameter of type … "twice"
byDefault.submit("default", 1);
