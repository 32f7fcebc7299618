// The states of several futures under one key: of one that was asked for by its key, and of calls that
// were submitted under it since. This client does not know the call that has the key, so the scheduler
// compares each with it, and until it has done so a call may be refused.

import type { Payload } from "../src/payload/payload.ts";
import type { FutureState, FutureStatus } from "./future-state.ts";

export class SharedState {
  readonly key: string;
  /** Oldest first. */
  readonly members: FutureState[];
  /** Those of them that are calls which the scheduler has not compared yet, oldest first. */
  readonly unchecked: FutureState[] = [];

  constructor(first: FutureState) {
    this.key = first.key;
    this.members = [first];
  }

  add(call: FutureState): void {
    this.members.push(call);
    this.unchecked.push(call);
  }

  /** Returns whether others are left. */
  remove(member: FutureState): boolean {
    removeFrom(this.members, member);
    removeFrom(this.unchecked, member);
    return this.members.length > 0;
  }

  /** The scheduler has not refused a call. */
  check(call: FutureState): void {
    removeFrom(this.unchecked, call);
  }

  /** One that is not cancelled, if there is one. */
  get first(): FutureState {
    return this.members.find(({ status }) => status !== "cancelled") ?? this.members[0]!;
  }

  get status(): FutureStatus {
    return this.first.status;
  }

  // ── What happens to the task happens to each ───────────────────────────────────────────────────

  finish(value: Payload): void {
    for (const each of [...this.members]) each.finish(value);
  }

  store(): void {
    for (const each of [...this.members]) each.store();
  }

  lose(): void {
    for (const each of [...this.members]) each.lose();
  }

  refetch(): void {
    for (const each of [...this.members]) each.refetch();
  }

  reopen(): void {
    for (const each of [...this.members]) each.reopen();
  }

  addDependent(state: FutureState): void {
    for (const each of this.members) each.addDependent(state);
  }
}

/** What a table has under a key. */
export type Entry = FutureState | SharedState;

/** All its states. */
export function membersOf(entry: Entry): FutureState[] {
  return entry instanceof SharedState ? [...entry.members] : [entry];
}

export function firstOf(entry: Entry): FutureState {
  return entry instanceof SharedState ? entry.first : entry;
}

function removeFrom(list: FutureState[], member: FutureState): void {
  const index = list.indexOf(member);
  if (index >= 0) list.splice(index, 1);
}
