// The syntax for modules, shared by `--module` and `Client.local`.

import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import type { ModuleSource } from "../worker/main.ts";

/**
 * Reads `[name=]path`, where the path is relative to the working directory or a file URL. With a name,
 * the functions are registered as `name.function`. Start a path that contains `=` with `./`.
 *
 * @example moduleSource("maths=./tasks.ts") // { name: "maths", path: "/home/ada/tasks.ts" }
 */
export function moduleSource(text: string): ModuleSource {
  const [, name, rest = text] = /^([\w$-]+)=(.+)$/.exec(text) ?? [];
  const path = resolve(rest.startsWith("file:") ? fileURLToPath(rest) : rest);
  return name === undefined ? { path } : { name, path };
}
