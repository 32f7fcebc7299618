// Runs after `npm ci` in a checkout: links this package's own commands into node_modules/.bin, as npm
// does for installed packages. A script with that folder on its path, such as
// examples/slurm/guide.sbatch, then calls `thence` as if the package were installed.

import { chmodSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import path from "node:path";

const root = path.dirname(import.meta.dirname);
const binFolder = path.join(root, "node_modules", ".bin");
/** @type {{ bin: Record<string, string> }} */
const manifest = JSON.parse(readFileSync(path.join(root, "package.json"), "utf8"));

mkdirSync(binFolder, { recursive: true });
for (const [name, file] of Object.entries(manifest.bin)) {
  const target = path.join(root, file);
  const link = path.join(binFolder, name);
  if (process.platform === "win32") {
    writeFileSync(`${link}.cmd`, `@node "${target}" %*\r\n`);
    continue;
  }
  rmSync(link, { force: true });
  symlinkSync(path.relative(binFolder, target), link);
  chmodSync(target, 0o755);
}
