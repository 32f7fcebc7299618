// What `currentTask().client` is: the same client that programs have, over the link of the worker. A
// thread loads this file when the first of its tasks asks for it.

import { Client } from "../client/client.ts";
import { Session } from "../client/session.ts";
import type { OpenTaskClient } from "../src/task-client.ts";

export const openTaskClient: OpenTaskClient = (connection) => {
  const session = new Session();
  session.attach(connection);
  return {
    face: new Client(session),
    receive: (message) => session.events.messages([message]),
    unsendable: (message, error) => session.events.unsendable?.(message, error),
    end: (why) => session.end(why),
  };
};
