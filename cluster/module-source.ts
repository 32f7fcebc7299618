// The syntax for modules, shared by `--module` and `Client.local`.

import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { builtInModule } from "../src/built-in.ts";
import type { ModuleSource } from "../worker/main.ts";

/** What an `import` would look for in `node_modules` or in the imports of a package.json: no path, no URL. */
const packageLike = /^(?:@[\w.~-]+\/)?[\w#~-][\w.~-]*(?:\/[^\\]*)?$/;

/**
 * Reads `[name=]module`, where the module is a path, relative to the working directory, a file URL, or
 * what an `import` in the working directory would name: a package, or a part of one. Without `./` a file
 * goes before a package of the same name. With a name, the functions are registered as `name.function`.
 * Start a path that contains `=` with `./`.
 *
 * @throws {TypeError} for the name "thence", which is taken
 * @example moduleSource("maths=./tasks.ts") // { name: "maths", path: "/home/ada/tasks.ts" }
 */
export function moduleSource(text: string): ModuleSource {
  const [, name, rest = text] = /^([\w$-]+)=(.+)$/.exec(text) ?? [];
  if (name === builtInModule) {
    throw new TypeError(
      `choose another name than "${builtInModule}" for ${rest}: it has functions of its own`,
    );
  }
  const path = resolve(rest.startsWith("file:") ? fileURLToPath(rest) : rest);
  return {
    path,
    ...(packageLike.test(rest) && { package: { specifier: rest, directory: process.cwd() } }),
    ...(name !== undefined && { name }),
  };
}
