// `npm run bench -- journal`: what it costs to keep a journal, and what comes back by it. The clusters of one
// measurement end before the next begins.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Processes } from "../runner/processes.ts";
import { measureChurn } from "./churn.ts";
import { measureComingBack } from "./coming-back.ts";
import { costHeadings, measureCosts } from "./costs.ts";

/** A measurement of its own: what it found, in words and figures, and what it should be. */
export type Finding = readonly [what: string, figure: string, target: string];

export async function runJournalBenchmark(options: {
  rounds: number;
  quick: boolean;
}): Promise<void> {
  const { quick } = options;
  const inFolder = async <Found>(
    measure: (processes: Processes, directory: string) => Promise<Found>,
  ): Promise<Found> => {
    const processes = new Processes();
    // In the working directory: the system's temporary directory may be memory.
    const directory = await mkdtemp(join(quick ? tmpdir() : process.cwd(), ".bench-journal-"));
    try {
      return await measure(processes, directory);
    } finally {
      await processes.end();
      await rm(directory, { recursive: true, force: true });
    }
  };
  print(
    costHeadings,
    await inFolder((processes, directory) => measureCosts(processes, directory, options)),
  );
  const findings = [
    ...(await inFolder((processes, directory) => measureComingBack(processes, directory, quick))),
    ...(await inFolder((processes, directory) => measureChurn(processes, directory, quick))),
  ];
  print(["what", "figure", "target"], findings);
}

function print(headings: readonly string[], rows: readonly (readonly string[])[]): void {
  const lines = [headings, headings.map(() => "---"), ...rows];
  const text = lines.map((cells) => `| ${cells.join(" | ")} |`).join("\n");
  process.stdout.write(`${text}\n\n`);
}
