// Which module is meant, and the name it gets: the one grammar of `--module` and `Client.local`.

import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import type { ModuleSource } from "../worker/main.ts";

/**
 * Reads `[name=]path`, the path relative to the working directory or a file URL. With a name, its
 * functions are registered as `name.function`. A path with a `=` in it can start with `./`.
 *
 * @example moduleSource("maths=./tasks.ts") // { name: "maths", path: "/home/ada/tasks.ts" }
 */
export function moduleSource(text: string): ModuleSource {
  const [, name, rest = text] = /^([\w$-]+)=(.+)$/.exec(text) ?? [];
  const path = resolve(rest.startsWith("file:") ? fileURLToPath(rest) : rest);
  return name === undefined ? { path } : { name, path };
}
