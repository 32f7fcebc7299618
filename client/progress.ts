// How far futures have come, by function: counted here as they settle, shown by whoever can show it.

import type { FutureState, Waiter } from "./future-state.ts";

/** How many there are of one function, and what has become of them. */
export type Count = Readonly<Counted>;

/** `done` counts all that have settled, the failed and the cancelled ones too. */
type Counted = { total: number; done: number; failed: number; cancelled: number };

/** Shows counts as they change, and is told when no more changes come. */
export type Display = { show(name: string, count: Count): void; end(): void };

/** What a key says of its function when nobody knows better: all but what makes it unique. */
const mintedEnd = /-[0-9A-Za-z]{10}-[0-9a-z]+$|-[0-9a-f]{32}$/;

/** Follows states to the last of them; resolves when all have settled, in whatever way. */
export async function follow(states: readonly FutureState[], display: Display): Promise<void> {
  const counts = new Map<string, Counted>();
  const open: { name: string; state: FutureState }[] = [];
  for (const state of states) {
    const name = functionOf(state);
    let count = counts.get(name);
    if (count === undefined)
      counts.set(name, (count = { total: 0, done: 0, failed: 0, cancelled: 0 }));
    count.total++;
    if (state.settled) settle(count, state);
    else open.push({ name, state });
  }
  for (const [name, count] of counts) display.show(name, { ...count });
  if (open.length > 0) {
    await new Promise<void>((resolve) => {
      let left = open.length;
      for (const { name, state } of open) {
        const waiter: Waiter = {
          notify: () => {
            const count = counts.get(name)!;
            settle(count, state);
            display.show(name, { ...count });
            if (--left === 0) resolve();
          },
        };
        state.watch(waiter);
      }
    });
  }
  display.end();
}

function settle(count: Counted, { status }: FutureState): void {
  count.done++;
  if (status === "cancelled") count.cancelled++;
  else if (status !== "finished") count.failed++;
}

function functionOf({ key, session }: FutureState): string {
  return session.functionOf(key) ?? key.replace(mintedEnd, "");
}
