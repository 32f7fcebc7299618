// The resources that a running task has, as they cross to its thread.

/** Of each resource that a task asked for, how much it has, and of which devices. */
export type TaskResources = Readonly<
  Record<string, { readonly amount: number; readonly devices: readonly string[] }>
>;

export type Grant = {
  readonly resources: TaskResources;
  /** The environment variables that name the devices to what the task starts. */
  readonly variables: Readonly<Record<string, string>>;
};

/** A task that lends its resources has them still to come, and no devices. */
export function lentGrant({ resources }: Grant): Grant {
  const amounts = Object.entries(resources).map(([name, { amount }]) => {
    return [name, { amount, devices: [] }] as const;
  });
  return { resources: Object.fromEntries(amounts), variables: {} };
}
