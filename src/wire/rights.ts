// What a token allows. Whoever has the full token may do everything, and so runs code on the workers; whoever has
// the view token may look at the cluster, and neither changes anything nor reads a value.

import type { FromClient } from "./protocol.ts";

export const rights = ["full", "view"] as const;
export type Right = (typeof rights)[number];

/** A view token begins with this; a minted full token never has a period. */
export const viewPrefix = "view.";

/** The right that comes with a token. */
export function rightOf(token: string): Right {
  return token.startsWith(viewPrefix) ? "view" : "full";
}

/** The right that each message and request of a client needs. */
export const rightFor: Readonly<Record<FromClient["type"], Right>> = {
  // Questions about the cluster.
  ping: "view",
  info: "view",
  workers: "view",
  demand: "view",
  "registered-at": "view",
  explain: "view",
  tasks: "view",
  "who-has": "view",
  schedules: "view",
  events: "view",
  "events-read": "view",
  "events-end": "view",
  // Tasks and their values.
  submit: "full",
  want: "full",
  fetch: "full",
  take: "full",
  cancel: "full",
  release: "full",
  retry: "full",
  detach: "full",
  scatter: "full",
  "output-taken": "full",
  // Names that programs share.
  publish: "full",
  published: "full",
  unpublish: "full",
  schedule: "full",
  unschedule: "full",
  coordinate: "full",
  took: "full",
  "give-back": "full",
  // The cluster itself.
  retire: "full",
  restart: "full",
  "expect-no-workers": "full",
  shutdown: "full",
};
