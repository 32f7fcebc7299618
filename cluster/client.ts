// The client of the public API: adds `Client.local`, which starts a scheduler and workers here.

import { Client as ConnectedClient } from "../client/client.ts";
import type { ConnectOptions } from "../client/connecting.ts";
import type { UntypedTasks } from "../client/types.ts";
import { refuseInModule } from "../src/module-loading.ts";
import { startLocalCluster, type LocalOptions } from "./local.ts";

export class Client<Tasks = UntypedTasks> extends ConnectedClient<Tasks> {
  /**
   * Starts a scheduler and workers on this machine and connects to them. They end when the client is
   * closed, and when this program ends for any reason.
   *
   * @throws {Error} naming the module that does not load or exports no function, and why; in a module
   *   that a worker loads, outside of its tasks, naming the line to add to it
   * @example
   * await using client = await Client.local<typeof import("./tasks.ts")>({ modules: ["./tasks.ts"] });
   * await client.submit("add", 1, 10).result(); // 11
   */
  static async local<Tasks = UntypedTasks>(options: LocalOptions): Promise<Client<Tasks>> {
    refuseInModule("Client.local");
    const cluster = await startLocalCluster(options);
    const { url, token } = cluster;
    try {
      return await this.open<Tasks>({
        target: () => Promise.resolve({ url, token }),
        describeTarget: "the scheduler of this program",
        onClose: () => cluster.stop(),
      });
    } catch (error) {
      await cluster.stop();
      throw error;
    }
  }

  /** Of this class, for programs to name what they export: see the one it overrides. */
  static override connect<Tasks = UntypedTasks>(
    target?: string,
    options?: ConnectOptions,
  ): Promise<Client<Tasks>> {
    return super.connect<Tasks>(target, options);
  }
}
