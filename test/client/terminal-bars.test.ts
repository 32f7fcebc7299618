// Bars and the program's own output on one terminal, as a person sees them, in a real terminal.

import { execFileSync, spawnSync } from "node:child_process";
import path from "node:path";
import { expect, test } from "vitest";

const program = path.join(import.meta.dirname, "fixtures", "bars.ts");
const hasTerminal = spawnSync("tmux", ["-V"]).status === 0;

test.skipIf(!hasTerminal)("every line of the program is there, whole, above the bars", async () => {
  const socket = `thence-${process.pid}`;
  const tmux = (...args: string[]) =>
    execFileSync("tmux", ["-L", socket, "-f", "/dev/null", ...args], { encoding: "utf8" });
  const line = `LC_ALL=C.UTF-8 '${process.execPath}' '${program}'; echo over; sleep 60`;
  tmux("-u", "new-session", "-d", "-x", "100", "-y", "30", line);
  try {
    const screen = () => tmux("capture-pane", "-p").trimEnd();
    await expect.poll(screen, { timeout: 20_000 }).toContain("over");
    const lines = screen().split("\n");
    expect(lines.map((each) => each.trimEnd())).toEqual([
      "before",
      "a line",
      "and a short one",
      "begun, and ended: é",
      "an error line",
      expect.stringMatching(/^film: load .* 75% \| 3\/4, 1 failed, 2 cancelled \|/),
      expect.stringMatching(/^film: render .* 100% \| 2\/2 \|/),
      "unfinished after",
      "over",
    ]);
  } finally {
    tmux("kill-server");
  }
});
