// Loads modules and registers their exported functions by name. Only threads do this, since it imports the
// user's code.

import { readFileSync, realpathSync, statSync } from "node:fs";
import { createRequire, registerHooks } from "node:module";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { functionDigest, hasNoText, isClass } from "../../src/function-digest.ts";
import { limits } from "../../src/wire/limits.ts";
import { moduleLoads } from "../../src/module-loading.ts";
import { ModuleError, type ModuleSource } from "../boundary/module-source.ts";

/** A registered function. */
export type TaskFunction = (...args: unknown[]) => unknown;

export type LoadedFunctions = {
  /** By registered name, in the order of registration. */
  readonly functions: Map<string, TaskFunction>;
  /** Of each function, in the same order; see `digestsOf`. */
  readonly digests: string[];
};

/** An exported function and the name that it is exported by. */
type Export = { readonly name: string; readonly task: TaskFunction };
type Registered = Export & { readonly registeredName: string; readonly path: string };

/**
 * Imports the modules and returns their functions. The default export of an ES module has no name to be
 * called by, and a class is not a function to call: neither is registered.
 *
 * @throws {ModuleError} naming the file, or both files when two export one name
 */
export async function loadFunctions(modules: readonly ModuleSource[]): Promise<LoadedFunctions> {
  const registered: Registered[] = [];
  const functions = new Map<string, TaskFunction>();
  const fileOf = new Map<string, string>();
  for (const source of modules) {
    const path = fileNamedBy(source);
    const { exports, receiver } = await importModule(path);
    for (const { name, task } of checked(path, exports)) {
      const registeredName = source.name === undefined ? name : `${source.name}.${name}`;
      checkLength(path, registeredName);
      const other = fileOf.get(registeredName);
      if (other === path) throw new ModuleError(`${path} is named twice: name it once`);
      if (other !== undefined) {
        throw new ModuleError(
          `Both ${other} and ${path} export "${registeredName}": rename one, ` +
            `or set one apart with --module somename=${path}`,
        );
      }
      functions.set(registeredName, receiver ? task.bind(receiver) : task);
      registered.push({ name, task, registeredName, path });
      fileOf.set(registeredName, path);
    }
  }
  if (functions.size > limits.functions) {
    throw new ModuleError(
      `The modules export ${functions.size} functions; a worker registers ${limits.functions} at most`,
    );
  }
  return { functions, digests: digestsOf(registered) };
}

// ── Digests ──────────────────────────────────────────────────────────────────────────────────────

/**
 * The digest of each function, by which the functions that clients pass are found. No two are alike. Where
 * it would be in doubt which function is meant, the digest is one that no passed function has: when
 * several have one name of their own and one text, as those have that one function made; and when the
 * own name is another than the exported one, and the module does not say so.
 */
function digestsOf(registered: readonly Registered[]): string[] {
  const tasksOf = new Map<string, Set<TaskFunction>>();
  const digests = registered.map(({ task }) => functionDigest(task));
  digests.forEach((digest, index) => {
    tasksOf.set(digest, (tasksOf.get(digest) ?? new Set()).add(registered[index]!.task));
  });
  const taken = new Set<string>();
  return registered.map((each, index) => {
    const digest = digests[index]!;
    const isOne = tasksOf.get(digest)?.size === 1 && !taken.has(digest);
    if (!isOne || hasNoText(each.task) || !hasOwnName(each)) {
      return functionDigest(each.task, each.registeredName);
    }
    taken.add(digest);
    return digest;
  });
}

/**
 * Whether the function is exported by its own name, or the text of the module says `own as name` or
 * `name = own`. A function that another made, a memoised one for example, has whatever name that gave it.
 */
function hasOwnName({ name, task, path }: Registered): boolean {
  if (task.name === name) return true;
  const [own, exported] = [task.name, name].map(
    (each) => `(?<![\\w$])${each.replace(/[^\w]/g, "\\$&")}(?![\\w$])`,
  );
  const renaming = new RegExp(
    `${own}\\s+as\\s+${exported}|${exported}["']?\\s*(?::[^=:;,{}]*)?[:=]\\s*${own}\\s*(?![\\s(.\`\\[])`,
  );
  return task.name !== "" && renaming.test(readFileSync(path, "utf8"));
}

// ── Exports ──────────────────────────────────────────────────────────────────────────────────────

function checked(path: string, exports: Record<string, unknown>): Export[] {
  const tasks = Object.entries(exports).filter(
    (entry): entry is [string, TaskFunction] =>
      !["", "default"].includes(entry[0]) && isTask(entry[1]),
  );
  if (tasks.length > 0) return tasks.map(([name, task]) => ({ name, task }));
  const hint = isTask(exports["default"])
    ? "its default export has no name to be called by: export it as a named function"
    : "only functions can be tasks: export at least one";
  throw new ModuleError(`${path} exports no function by name; ${hint}`);
}

function checkLength(path: string, name: string): void {
  if (name.length <= limits.nameLength) return;
  throw new ModuleError(
    `${path}: the name "${name.slice(0, 40)}…" is longer than ${limits.nameLength} characters`,
  );
}

function isTask(value: unknown): value is TaskFunction {
  return typeof value === "function" && !isClass(value);
}

type Exports = {
  readonly exports: Record<string, unknown>;
  /** What its functions are called on, as `require("./tasks.js").add(1, 2)` would. */
  readonly receiver?: object;
};

async function importModule(path: string): Promise<Exports> {
  let namespace: Record<string, unknown>;
  moduleLoads(path);
  try {
    namespace = (await import(pathToFileURL(path).href)) as Record<string, unknown>;
  } catch (cause) {
    throw new ModuleError(`${path} does not load: ${describe(cause)}`, { cause });
  }
  const required: unknown = createRequire(path).cache[realpathSync(path)]?.exports;
  const isCommonJs = required === namespace["default"];
  if (!isCommonJs || required === null) return { exports: namespace };
  if (typeof required !== "object" && typeof required !== "function") return { exports: namespace };
  return { exports: exportsOfCommonJs(path, required), receiver: required };
}

/** What a function or a class has that is not of its module. */
const notExported = new Set(["length", "name", "prototype", "arguments", "caller", "constructor"]);

/** Everything that `require` gives: Node names only what it can tell from the text without running it. */
function exportsOfCommonJs(path: string, required: object): Record<string, unknown> {
  const exports = Object.create(null) as Record<string, unknown>;
  if (isTask(required)) {
    if (required.name === "") {
      throw new ModuleError(
        `${path} exports a function without a name to be called by: give it one`,
      );
    }
    exports[required.name] = required;
  }
  const isFunction = typeof required === "function";
  for (let from = required; from !== Object.prototype && from !== Function.prototype;) {
    for (const name of Object.getOwnPropertyNames(from)) {
      if ((isFunction && notExported.has(name)) || name === "constructor") continue;
      exports[name] ??= valueOf(path, required, name);
    }
    const above: unknown = Object.getPrototypeOf(from);
    if (above === null) break;
    from = above as object;
  }
  return exports;
}

function valueOf(path: string, required: object, name: string): unknown {
  try {
    return Reflect.get(required, name);
  } catch (cause) {
    throw new ModuleError(`${path}: its export "${name}" does not load: ${describe(cause)}`, {
      cause,
    });
  }
}

// ── Files ────────────────────────────────────────────────────────────────────────────────────────

/** The file of a module. A file goes before a package of the same name. */
function fileNamedBy({ path, package: named }: ModuleSource): string {
  const isDirectory = statSync(path, { throwIfNoEntry: false })?.isDirectory();
  if (isDirectory === false || (isDirectory && named === undefined)) return path;
  if (named === undefined) {
    throw new ModuleError(`${path} does not load: there is no such file`);
  }
  const { specifier, directory } = named;
  try {
    return fileURLToPath(resolveIn(directory, specifier));
  } catch (cause) {
    const { message } = cause as Error;
    throw new ModuleError(
      `${path} does not load: there is no such file, and no such package: ${message}`,
      { cause },
    );
  }
}

/** Resolves as an `import` in a file of the directory does. */
function resolveIn(directory: string, specifier: string): string {
  const parentURL = pathToFileURL(join(directory, "imports.js")).href;
  const hooks = registerHooks({
    resolve: (asked, context, next) => next(asked, { ...context, parentURL }),
  });
  try {
    return import.meta.resolve(specifier);
  } finally {
    hooks.deregister();
  }
}

function describe(thrown: unknown): string {
  if (!(thrown instanceof Error)) return String(thrown);
  // The place may be in a file that the module imports. It stands ahead of the message of a syntax error,
  // and in the first frame of other errors.
  const { stack = "" } = thrown;
  const place =
    /^file:\/\/\S+:\d+$/m.exec(stack)?.[0] ?? /^ +at .*?(file:\/\/[^\s)]+)/m.exec(stack)?.[1];
  return `${thrown.name}: ${thrown.message}${place === undefined ? "" : ` (${place})`}`;
}
