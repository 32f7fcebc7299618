// `npm run build`: compiles this package for publication, JavaScript and declarations in dist/.

import { rmSync } from "node:fs";
import path from "node:path";
import { runTool } from "./run-tool.ts";

const root = path.dirname(import.meta.dirname);

// Files left by an earlier build would be published too.
rmSync(path.join(root, "dist"), { recursive: true, force: true });
await runTool(process.execPath, ["node_modules/typescript/bin/tsc", "-p", "tsconfig.build.json"], {
  cwd: root,
});
