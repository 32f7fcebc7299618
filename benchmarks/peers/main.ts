// `npm run bench:peers`: thence beside the systems a user might pick instead, on the same work in one run.

import { writeFile } from "node:fs/promises";
import { readCommandLine } from "../runner/command-line.ts";
import { Interrupted, runMain } from "../runner/run.ts";
import { describeMachine, machineLine } from "../runner/machine.ts";
import { linesOf, reasonAgainst, versionsLine } from "./availability.ts";
import { install } from "./install/install.ts";
import { pythonVersion } from "./install/python.ts";
import { atSizes, measures, type Measure } from "./measures.ts";
import { peers, type Peer } from "./peers.ts";
import { takeRounds } from "./rounds.ts";
import { Session, type Driven } from "./session.ts";
import { figuresTable, targetsTable, timesTable, verdicts } from "./table.ts";
import { targets } from "./targets.ts";

const HELP = `Usage: npm run bench:peers -- [measure…] [--only peer,…] [--repeat n] [--quick] [--json file]

Measures thence beside its peers, taking turns, and prints tables. What they need is installed once, into
the folder .peers (delete it to have the newest again); what cannot be had is named with the reason.

  measure…       ${measures.map(({ name }) => name).join(" ")}
                 (all of them by default)
  --only peers   some of ${peers.map(({ name }) => name).join(",")}
  --repeat n     rounds to take medians over (default 3)
  --quick        smaller sizes and one round: to see that it works, not to quote
  --json file    write the tables' figures, the versions and the machine there
  --help         this text

Example: npm run bench:peers -- round-trip map-10k --only dask,bullmq --repeat 5 --json run.json
`;

const WARM_UP_MS = 1_000;

type Options = {
  peers: Peer[];
  measures: Measure[];
  rounds: number;
  quick: boolean;
  json: string | undefined;
};

async function main(): Promise<void> {
  const options = readOptions();
  if (options === undefined) return;
  const interrupted = new AbortController();
  const sessions = new Set<Session>();
  const interrupt = (name: NodeJS.Signals) => {
    interrupted.abort(new Interrupted(name));
    // A sample under way does not wait for its end: its processes go, and so it fails.
    for (const session of sessions) void session.end({ atOnce: true });
  };
  // Whatever ends the runner ends what it started.
  process.once("exit", () => {
    for (const session of sessions) session.killNow();
  });
  process.once("SIGINT", interrupt).once("SIGTERM", interrupt);
  const { signal } = interrupted;
  const report = (line: string) => process.stderr.write(`${line}\n`);
  try {
    await run(options, report, signal, (session) => sessions.add(session));
  } catch (error) {
    // An interrupted sample fails for want of its processes; say why they went.
    signal.throwIfAborted();
    throw error;
  } finally {
    process.off("SIGINT", interrupt).off("SIGTERM", interrupt);
  }
}

async function run(
  options: Options,
  report: (line: string) => void,
  signal: AbortSignal,
  open: (session: Session) => void,
): Promise<void> {
  const installed = await install(
    options.peers.flatMap(({ needs }) => needs),
    report,
    signal,
  );
  const date = new Date().toISOString();
  const machine = await describeMachine();
  const python = await pythonVersion(signal);
  const versions = versionsLine(options.peers, installed);
  const where = `${machineLine(machine)}\n${python === undefined ? "" : `Python ${python}, `}${versions}`;
  report(where);
  const lines = linesOf(options.peers, installed, machine.thence);
  const start = (driven: Driven) => Session.start(driven, open);
  const had = options.peers.filter((peer) => reasonAgainst(peer, installed) === undefined);
  const taken = await takeRounds({
    ...options,
    peers: had,
    warmUpMs: WARM_UP_MS,
    report,
    signal,
    start,
  });
  const judged = verdicts(
    targets.filter(
      ({ peer, measure }) =>
        options.peers.some(({ name }) => name === peer) &&
        options.measures.some(({ name }) => name === measure),
    ),
    options.measures,
    taken,
  );
  const tables = [
    figuresTable(lines, options.measures, taken),
    timesTable(lines, options.measures, taken),
    ...(judged.length > 0 ? [targetsTable(lines, judged)] : []),
    where,
    options.peers
      .map(({ title, fastWay, documentation }) => {
        return `- ${title}: ${fastWay}. By: ${documentation}.`;
      })
      .join("\n"),
  ];
  process.stdout.write(`${tables.join("\n\n")}\n`);
  for (const { peer, measure, round, message } of taken.failures) {
    process.stdout.write(`\n${peer}, ${measure}, round ${round} failed: ${message.trim()}\n`);
  }
  if (options.quick) process.stdout.write("\nTaken with --quick: not to be quoted.\n");
  if (options.json === undefined) return;
  const { rounds, quick } = options;
  const saved = {
    date,
    machine,
    python,
    versions: Object.fromEntries(installed),
    rounds,
    quick,
    ...taken,
    targets: judged,
  };
  await writeFile(options.json, `${JSON.stringify(saved, null, 1)}\n`);
}

/** Undefined when there is nothing to do but what has been printed. */
function readOptions(): Options | undefined {
  const names = measures.map(({ name }) => name);
  const line = readCommandLine({ help: HELP, names, defaultRepeat: 3, more: ["only"] });
  if (line === undefined) return undefined;
  const { chosen, repeat, quick, json, more } = line;
  const only = more["only"]?.split(",").map((name) => name.trim());
  const strange = only?.find((name) => !peers.some((peer) => peer.name === name));
  if (strange !== undefined) {
    process.stderr.write(`There is no peer "${strange}".\n\n${HELP}`);
    process.exitCode = 2;
    return undefined;
  }
  return {
    peers: peers.filter(({ name }) => only === undefined || only.includes(name)),
    measures: atSizes(
      measures.filter(({ name }) => chosen.includes(name)),
      quick,
    ),
    rounds: repeat,
    quick,
    json,
  };
}

await runMain(main);
