// The classes that objects of the state may be of, and what in the state belongs to the code: functions, and
// objects that are shared by all states. A snapshot names them by the names of these tables, which
// therefore stay as they are, even if the code is renamed.

import { BinaryPayload } from "../../../src/payload/binary-payload.ts";
import { KeyTable } from "../../../src/key-table.ts";
import { Line } from "../structures/line.ts";
import { isHeldBefore, letsMoreRun } from "../placement/limits.ts";
import { comesBefore, isLongerAgo, isPlaceBefore } from "../placement/lanes.ts";
import { isMoreUrgent, ReadyQueue } from "../placement/ready-queue.ts";
import { isHigher, isLess } from "../placement/sites.ts";
import { noNames } from "../state.ts";
import { Deque } from "../structures/deque.ts";
import { Heap } from "../structures/heap.ts";
import { History } from "../tasks/history.ts";
import { forgotten, fresh, readyState, released } from "../tasks/lifecycle.ts";
import { noOptions } from "../tasks/specs.ts";
import { isSooner, Timers } from "../timers.ts";

/** Each makes an instance whose fields are then written over. Those that an old snapshot lacks stay. */
export const classes: Readonly<Record<string, () => object>> = {
  BinaryPayload: () => new BinaryPayload("", []),
  Deque: () => new Deque(),
  Heap: () => new Heap(isSooner),
  History: () => new History(),
  KeyTable: () => new KeyTable(),
  Line: () => new Line(),
  ReadyQueue: () => new ReadyQueue(),
  Timers: () => new Timers(new KeyTable()),
};

/** Functions and shared objects, by name: referred to, and not copied. */
export type Shared = Readonly<Record<string, object>>;

export const shared: Shared = {
  comesBefore,
  forgotten,
  fresh,
  isHeldBefore,
  isHigher,
  isLess,
  isLongerAgo,
  isMoreUrgent,
  isPlaceBefore,
  isSooner,
  letsMoreRun,
  noNames,
  noOptions,
  readyState,
  released,
};
