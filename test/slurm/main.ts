// The test cluster by hand: `node test/slurm/main.ts up` starts a Slurm of four nodes and prints what
// to export, `… down` ends it. Up twice is a fresh one; down without up is no error.

import { tmpdir } from "node:os";
import path from "node:path";
import { startSlurm, stopSlurm, whyNoSlurm } from "./cluster.ts";

const [command, folder = path.join(tmpdir(), "thence-slurm")] = process.argv.slice(2);
const directory = path.resolve(folder);

if (command === "up") {
  const why = whyNoSlurm();
  if (why !== undefined) {
    console.error(why);
    process.exit(1);
  }
  const { env } = await startSlurm({ directory, outlive: true });
  console.log(`export SLURM_CONF=${env["SLURM_CONF"]}`);
} else if (command === "down") {
  await stopSlurm(directory);
} else {
  console.error("usage: node test/slurm/main.ts up|down [FOLDER]");
  process.exit(2);
}
