// Whether the scheduler is of use to anybody, for its idle timeout.

import { fileName } from "./coordination/things.ts";
import type { State } from "./state.ts";

/** The use of the scheduler at this moment: clients or tasks, or only what it keeps; undefined when idle. */
export function useOf(state: State): "in use" | { readonly keeps: string } | undefined {
  const { clients, counts, tasks, published, coordination, schedules } = state;
  if (clients.size > 0 || counts.waiting + counts.ready + counts.running > 0) return "in use";
  // Without clients, a thing is there only while it is set or filled.
  const count = published.size + coordination.things.size + schedules.all.size;
  if (count === 0) return tasks.size > 0 ? { keeps: "results" } : undefined;
  const names = [
    ...published
      .keys()
      .take(mostNamed)
      .map((name) => `published ${name}`),
    ...coordination.things.values().take(mostNamed).map(fileName),
    ...schedules.all
      .keys()
      .take(mostNamed)
      .map((name) => `schedule ${name}`),
  ].slice(0, mostNamed);
  const more = count > names.length ? `, and ${count - names.length} more` : "";
  return { keeps: names.join(", ") + more };
}
const mostNamed = 5;
