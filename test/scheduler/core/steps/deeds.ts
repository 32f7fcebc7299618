// For everything that may be said to the core or happen to it, deeds that do so many times what it costs once.
// A message or an event without an entry does not compile.

import type { FromClient } from "../../../../src/wire/protocol.ts";
import type { Deeds } from "./deed.ts";
import { ofClock, ofEvents } from "./of-events.ts";
import { ofMessages } from "./of-messages.ts";
import { ofRequests } from "./of-requests.ts";
import { ofWorkers } from "./of-workers.ts";

export const ofClients: { readonly [Type in FromClient["type"]]: Deeds } = {
  ...ofMessages,
  ...ofRequests,
};

/** All of them, by who does them. */
export const tables: Readonly<Record<string, Readonly<Record<string, Deeds>>>> = {
  "a client says": ofClients,
  "a worker says": ofWorkers,
  "it happens": ofEvents,
  "it is time": ofClock,
};
