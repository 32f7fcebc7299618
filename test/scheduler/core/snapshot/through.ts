// A value frozen, written, read and thawed, as a snapshot is.

import v8 from "node:v8";
import { freeze } from "../../../../scheduler/core/snapshot/freeze.ts";
import type { Chunk } from "../../../../scheduler/core/snapshot/format.ts";
import type { Shared } from "../../../../scheduler/core/snapshot/known.ts";
import { thaw } from "../../../../scheduler/core/snapshot/thaw.ts";

/** The chunks as they come out of a file. */
export function frozen(value: unknown, outside?: Shared): Chunk[] {
  return [...freeze(value, outside)].map((chunk) => v8.deserialize(v8.serialize(chunk)));
}

export function through<Value>(value: Value, outside?: Shared): Value {
  return thaw(frozen(value, outside), outside) as Value;
}
