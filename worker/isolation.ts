// Where the tasks of a worker run. A file of its own: the command line reads it before it loads a worker.

export const isolations = ["threads", "processes"] as const;

/** On threads of the worker; or each in a process of its own, as many as there would be threads. */
export type Isolation = (typeof isolations)[number];
