// What Node does not allow on a thread, or leaves out in silence, is said here, with the way that works.

import { ThenceError } from "../../src/errors/errors.ts";

const otherWay =
  "or run each slot in a process of its own: `thence worker --isolation processes`, " +
  'or isolation: "processes" in Client.local';

/** What belongs to the whole process, so that a thread cannot change it, and what to do instead. */
const refused = {
  chdir: "Use absolute paths, or the option cwd of what you start",
  umask: "Give the mode when you create a file",
  setuid: "Start the worker as that user",
  seteuid: "Start the worker as that user",
  setgid: "Start the worker in that group",
  setegid: "Start the worker in that group",
  setgroups: "Start the worker in these groups",
  initgroups: "Start the worker in these groups",
  abort: "Throw an error",
} as const;

const signalName = /^SIG[A-Z0-9]+$/;

/** @param warn receives what has no effect on a thread */
export function sayLimits(warn: (text: string) => void): void {
  const once = onlyOnce(warn);
  for (const [name, instead] of Object.entries(refused))
    refuse(name as keyof typeof refused, instead);
  const dlopen = process.dlopen.bind(process);
  process.dlopen = (...args: Parameters<typeof process.dlopen>) => {
    try {
      dlopen(...args);
    } catch (error) {
      throw addonError(error, args[1]);
    }
  };
  let { title } = process;
  Object.defineProperty(process, "title", {
    get: () => title,
    set(own: string) {
      title = own;
      once("process.title names the whole process: a thread cannot change it");
    },
    enumerable: true,
    configurable: true,
  });
  process.on("newListener", (event: string | symbol) => {
    if (typeof event !== "string" || !signalName.test(event)) return;
    once(
      `process.on("${event}") has no effect on a thread, which receives no signals: ` +
        `use currentTask().signal, ${otherWay}`,
    );
  });
  process.stdin.on("newListener", (event) => {
    if (event !== "data" && event !== "readable") return;
    once(`process.stdin is empty on a thread: give what a task reads as an argument`);
  });
}

function refuse(name: keyof typeof refused, instead: string): void {
  const original = (process as unknown as Partial<Record<string, (...args: unknown[]) => unknown>>)[
    name
  ];
  if (original === undefined) return;
  const said = (...args: unknown[]) => {
    try {
      return original.apply(process, args);
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code !== "ERR_WORKER_UNSUPPORTED_OPERATION") throw cause;
      const error = new ThenceError(
        "unsupported-on-thread",
        `${instead}, ${otherWay}: process.${name}() changes the whole process, and this task runs on one of its threads`,
        { cause },
      );
      Error.captureStackTrace(error, said);
      throw error;
    }
  };
  Object.defineProperty(said, "name", { value: name });
  Object.assign(process, { [name]: said });
}

/** Keeps the error and its code, since packages with another way to do it look at that. */
function addonError(error: unknown, file: string): unknown {
  if (error instanceof Error && /did not self-register/.test(error.message)) {
    error.message =
      `Use a version of this addon that is made for threads, ${otherWay}: ${file} can be loaded ` +
      `only once in a process (${error.message})`;
  }
  return error;
}

function onlyOnce(warn: (text: string) => void): (text: string) => void {
  const said = new Set<string>();
  return (text) => {
    if (said.has(text)) return;
    said.add(text);
    warn(text);
  };
}
