// What is known of a client at first: of a program's, of one inside a task, and of a schedule's own.

import type { Client, ClientId, Within } from "../state.ts";

/** @param options `within`: of the client inside a task */
export function createClient(
  id: ClientId,
  name: string,
  now: number,
  { within, onlyLooks = false }: { within?: Within; onlyLooks?: boolean } = {},
): Client {
  return {
    id,
    name,
    joinedAt: now,
    specs: new Map(),
    lanes: new Map(),
    wantsOfOthers: new Set(),
    awayUntil: undefined,
    gone: false,
    onlyLooks,
    within,
  };
}
