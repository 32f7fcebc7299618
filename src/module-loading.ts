// Where a worker's modules load. A program that names itself as its module must not start itself again
// there, in every worker and without end: so whoever connects asks here first. All copies of this package
// in one thread share the mark.

/** A thread or a process that loads modules and runs tasks. */
export type ModuleHost = {
  /** The module that loads now, or loaded last. */
  file: string;
  /** Whether the present code runs for a task, which may have clients of its own. */
  isInTask(): boolean;
  /** A module was refused while it loaded, or by what it left running. */
  refused(why: string): void;
};

const hostKey = Symbol.for("thence.module-host");
const shared = globalThis as { [hostKey]?: ModuleHost };

/** From now on this thread loads modules. */
export function becomeModuleHost(host: Omit<ModuleHost, "file">): void {
  shared[hostKey] = { ...host, file: "" };
}

/** To be called before a module is imported. */
export function moduleLoads(file: string): void {
  if (shared[hostKey]) shared[hostKey].file = file;
}

/**
 * Refuses to connect from a module that a worker loads.
 *
 * @param call what was called, as users write it
 * @throws {Error} naming the file, and the line to add to it
 */
export function refuseInModule(call: string): void {
  const host = shared[hostKey];
  if (host === undefined || host.isInTask()) return;
  const why =
    `Add \`if (import.meta.main)\` in ${host.file}, before what only the program itself is to do ` +
    "(on Node 22: `if (process.argv[1] === import.meta.filename)`): it calls " +
    `${call} while a worker loads it as a module, and would start anew in every worker`;
  host.refused(why);
  throw new Error(why);
}
