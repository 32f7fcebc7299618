// Node's cache of compiled modules, for a command whose output is waited for. Its folder belongs to the
// user: in one for temporary files, others could place code that this program would run.

import module from "node:module";
import { join } from "node:path";

let folder: string | undefined;

/** Uses the cache for the modules that this process loads from now on, unless the user has set one. */
export function useCompileCache(): void {
  const { HOME, XDG_CACHE_HOME, NODE_COMPILE_CACHE } = process.env;
  const caches = XDG_CACHE_HOME || (HOME && join(HOME, ".cache"));
  if (!caches || NODE_COMPILE_CACHE !== undefined) return;
  folder = join(caches, "thence", "modules");
  module.enableCompileCache(folder);
}

/** The variables with which a child process and its threads use the same cache, if this process does. */
export function compileCacheVariables(): Record<string, string> {
  return folder === undefined ? {} : { NODE_COMPILE_CACHE: folder };
}
