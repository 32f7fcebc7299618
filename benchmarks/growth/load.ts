// One amount of work, and on how much it is done.

export type Load = {
  tasks: number;
  /** With one slot each. */
  workers: number;
  /** The tasks are shared out among them. */
  clients: number;
  /** Of each task, among `sources` further tasks; none when 0. */
  dependencies: number;
};

/** Tasks that the others depend on, in turns: the next one begins with the next of these. */
export const sources = 1_000;

/** What costs follow: a task and each of its dependencies count as one. */
export function unitsOf({ tasks, dependencies }: Load): number {
  return dependencies === 0 ? tasks : sources + tasks + tasks * dependencies;
}

/** Which sources the task at this place depends on. */
export function sourcesOf(index: number, dependencies: number): number[] {
  return Array.from({ length: dependencies }, (_, k) => (index + k) % sources);
}
