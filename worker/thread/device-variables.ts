// The environment variables of this thread that name devices, such as CUDA_VISIBLE_DEVICES. While a task runs
// that was granted some, they name its own; then they are as before.

import type { RunningTask } from "./current-task.ts";

/** How the variables were before; undefined: not set. */
type Original = Map<string, string | undefined>;

export class DeviceVariables {
  /** Tasks with devices, the newest last. There are several after one of them had lent its slot. */
  readonly #tasks: RunningTask[] = [];
  readonly #original: Original = new Map();

  /** The task runs from now on, or goes on. */
  enter(task: RunningTask): void {
    if (Object.keys(task.grant?.variables ?? {}).length === 0) return;
    this.#tasks.push(task);
    this.#update();
  }

  /** The task is over, or waits and has lent its devices. */
  leave(task: RunningTask): void {
    const place = this.#tasks.indexOf(task);
    if (place === -1) return;
    this.#tasks.splice(place, 1);
    this.#update();
  }

  #update(): void {
    for (const [name, value] of this.#original) setVariable(name, value);
    this.#original.clear();
    for (const [name, value] of Object.entries(this.#tasks.at(-1)?.grant?.variables ?? {})) {
      this.#original.set(name, process.env[name]);
      setVariable(name, value);
    }
  }
}

function setVariable(name: string, value: string | undefined): void {
  if (value === undefined) Reflect.deleteProperty(process.env, name);
  else process.env[name] = value;
}
