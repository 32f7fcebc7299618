// Whether the workers of a cluster run commands for clients.

/** By `thence.exec`: yes, no, or those alone, without modules. */
export const execs = ["yes", "no", "only"] as const;
export type Exec = (typeof execs)[number];
