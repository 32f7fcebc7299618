// Loads modules and registers their exported functions by name. Only threads do this, since it imports the
// user's code.

import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { limits } from "../../src/wire/limits.ts";
import { moduleLoads } from "../../src/module-loading.ts";
import { ModuleError, type ModuleSource } from "../boundary/module-source.ts";

/** A registered function. */
export type TaskFunction = (...args: unknown[]) => unknown;

/**
 * Imports the modules and returns their functions in the order of registration. A default export
 * has no name to be called by, and a class is not a function to call: neither is registered.
 *
 * @throws {ModuleError} naming the file, or both files when two export one name
 */
export async function loadFunctions(
  modules: readonly ModuleSource[],
): Promise<Map<string, TaskFunction>> {
  const functions = new Map<string, TaskFunction>();
  const fileOf = new Map<string, string>();
  for (const source of modules) {
    for (const [name, value] of functionsOf(source, await importModule(source.path))) {
      const other = fileOf.get(name);
      if (other === source.path) {
        throw new ModuleError(`${source.path} is named twice: name it once`);
      }
      if (other !== undefined) {
        throw new ModuleError(
          `Both ${other} and ${source.path} export "${name}": rename one, ` +
            `or set one apart with --module somename=${source.path}`,
        );
      }
      functions.set(name, value);
      fileOf.set(name, source.path);
    }
  }
  if (functions.size > limits.functions) {
    throw new ModuleError(
      `The modules export ${functions.size} functions; a worker registers ${limits.functions} at most`,
    );
  }
  return functions;
}

/** The digest of a function's text: tells two functions of one name apart, but not what they call. */
export function digestOf(task: TaskFunction): string {
  const text = Function.prototype.toString.call(task);
  return createHash("sha256").update(text).digest("base64url").slice(0, 12);
}

function functionsOf({ path, name: prefix }: ModuleSource, exports: Record<string, unknown>) {
  const functions = Object.entries(exports)
    .filter((entry): entry is [string, TaskFunction] => entry[0] !== "default" && isTask(entry[1]))
    .map(([name, value]) => [prefix === undefined ? name : `${prefix}.${name}`, value] as const);
  if (functions.length === 0) {
    const hint = isTask(exports.default)
      ? "its default export has no name to be called by: export it as a named function"
      : "only functions can be tasks: export at least one";
    throw new ModuleError(`${path} exports no function by name; ${hint}`);
  }
  const tooLong = functions.find(([name]) => name.length > limits.nameLength);
  if (tooLong) {
    throw new ModuleError(
      `${path}: the name "${tooLong[0].slice(0, 40)}…" is longer than ${limits.nameLength} characters`,
    );
  }
  return functions;
}

function isTask(value: unknown): value is TaskFunction {
  return typeof value === "function" && !/^class\b/.test(Function.prototype.toString.call(value));
}

async function importModule(path: string): Promise<Record<string, unknown>> {
  if (!existsSync(path)) throw new ModuleError(`${path} does not load: there is no such file`);
  moduleLoads(path);
  try {
    return (await import(pathToFileURL(path).href)) as Record<string, unknown>;
  } catch (cause) {
    throw new ModuleError(`${path} does not load: ${describe(cause)}`, { cause });
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
