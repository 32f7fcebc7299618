// The version of this package, read from its package.json, both in a checkout and in `dist/`.

import { readFileSync } from "node:fs";
import { findPackageJSON } from "node:module";

const manifest = findPackageJSON(import.meta.url);
if (manifest === undefined) throw new Error(`no package.json above ${import.meta.url}`);

export const version = (JSON.parse(readFileSync(manifest, "utf8")) as { version: string }).version;
