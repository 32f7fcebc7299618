// Where this package's command line is, for those who start it on other machines.

import { findPackageJSON } from "node:module";
import { dirname, join } from "node:path";

const manifest = findPackageJSON(import.meta.url);
if (manifest === undefined) throw new Error(`no package.json above ${import.meta.url}`);

/** The path of the program `thence`. */
export const program = join(dirname(manifest), "cli", "bin.js");
