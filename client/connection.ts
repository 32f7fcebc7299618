// The way to the scheduler, as a session sees it: a link, or what stands for one inside a task.

import type { Link } from "../src/link/link.ts";
import type { FromClient, ToClient, Welcome } from "../src/wire/protocol.ts";
import type { Outlet } from "./message-writer.ts";

/** What a session needs of its link. */
export type Connection = Outlet &
  Pick<Link<ToClient, FromClient>, "close"> &
  Partial<Pick<Link<ToClient, FromClient>, "reset">> & {
    readonly welcome: Pick<Welcome, "scheduler"> &
      Partial<Pick<Welcome, "smallResultBytes" | "right" | "version" | "at">>;
    /** Inside a task: others may have its slot until this has settled. */
    during?<Value>(waiting: Promise<Value>): Promise<Value>;
  };
