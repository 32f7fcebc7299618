// Makes `currentTask().client`: the client of programs, over the worker's link. A thread loads this file
// when one of its tasks first uses the client.

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
