// A worker that keeps to the rules of links and to no other: it says of its attempts whatever a test has it say.

import { nanoid } from "nanoid";
import { dial, type DialledLink } from "../../src/link/dial.ts";
import type { FromWorker, ToWorker } from "../../src/wire/protocol.ts";
import { addCleanUp, patientMs, type Scheduler } from "./daemons.ts";
import { workerHello } from "./raw-peer.ts";

export type AttemptId = { readonly key: string; readonly attempt: number };

export class HostileWorker {
  readonly link: DialledLink<ToWorker, FromWorker>;
  /** The scheduler has ended its session. */
  readonly lost: Promise<void>;

  /** @param says of each attempt that it is sent, once */
  static async join(
    { url, token }: Pick<Scheduler, "url" | "token">,
    facts: { name: string; functions: string[] },
    says: (attempt: AttemptId) => readonly FromWorker[],
  ): Promise<HostileWorker> {
    const { promise: lost, resolve } = Promise.withResolvers<void>();
    const { host, pid, threads, resources } = workerHello;
    const slots = 10_000;
    const id = nanoid();
    const link: DialledLink<ToWorker, FromWorker> = await dial<ToWorker, FromWorker>({
      target: async () => ({ url, token }),
      describeTarget: url,
      timeoutMs: patientMs,
      hello: () => ({ role: "worker", id, host, pid, threads, slots, resources, ...facts }),
      check: (message) => message as ToWorker,
      on: {
        messages: (batch) => {
          for (const message of batch) {
            if (message.type !== "run") continue;
            message.keys.forEach((key, index) => {
              for (const said of says({ key, attempt: message.attempts[index]! })) link.send(said);
            });
          }
        },
        down: () => undefined,
        up: () => undefined,
        reset: () => resolve(),
        lost: () => resolve(),
      },
    });
    addCleanUp(() => link.close());
    return new HostileWorker(link, lost);
  }

  private constructor(link: DialledLink<ToWorker, FromWorker>, lost: Promise<void>) {
    this.link = link;
    this.lost = lost;
  }
}
