// One run of `thence map`, from the parsed command line to the exit status.

import { UsageError } from "../exit-code.ts";
import { Calls } from "./calls.ts";
import {
  checkFunction,
  connectTo,
  namedScheduler,
  say,
  slotsHere,
  startCluster,
  type MapCluster,
} from "./cluster.ts";
import type { MapCommand } from "./command-line.ts";
import { CommandsHere } from "./commands-here.ts";
import { CommandsOnCluster } from "./commands-on-cluster.ts";
import { commandMaker, onlyPrinted } from "./commands.ts";
import { exitStatus } from "./exit-status.ts";
import { HaltRule } from "./halt.ts";
import { listenForInterrupts } from "./interrupts.ts";
import { JobLoop, type LoopEvents } from "./jobs.ts";
import type { MapOptions } from "./map-options.ts";
import { blocks } from "./pipe.ts";
import { Printer } from "./printer.ts";
import { commandShell } from "./shell.ts";
import { openInputs, type Inputs } from "./sources.ts";
import { compileTemplate, type Template, type TemplateSettings } from "./template.ts";
import { collectJobs, jobsOfBlocks, jobsOfRows } from "./waiting-jobs.ts";
import { GrowingWindow, slotWindow, type Window } from "./window.ts";
import type { Prepare, PreparedJob, WaitingJob } from "./work.ts";

/**
 * Runs all jobs and answers the exit status.
 *
 * @throws {Error} when the run itself fails, and not only jobs of it
 */
export async function runMap(command: MapCommand): Promise<number> {
  const { options } = command;
  const scheduler = namedScheduler(options);
  const startClusterIfNeeded = (): Promise<MapCluster> | undefined => {
    if (isOnlyPrinted(options)) return undefined;
    if (scheduler) return connectTo(scheduler, options);
    return command.function === undefined ? undefined : startCluster(options);
  };
  // It takes its time to start; meanwhile the inputs are opened.
  const starting = startClusterIfNeeded();
  starting?.catch(() => undefined);
  let inputs: Inputs | undefined;
  let cluster: MapCluster | undefined;
  try {
    inputs = await openInputs(command.sources, options.inputs, standardInput);
    cluster = await starting;
    if (cluster && command.function !== undefined) await checkFunction(cluster, command.function);
    return await new Run(command, inputs, cluster).run();
  } finally {
    await inputs?.close();
    cluster ??= await starting?.catch(() => undefined);
    await cluster?.close();
  }
}

/** Opened when it is first read, since most runs do not. */
const standardInput: AsyncIterable<Uint8Array> = {
  [Symbol.asyncIterator]: () => process.stdin[Symbol.asyncIterator]() as AsyncIterator<Buffer>,
};

function isOnlyPrinted({ dryRun, template }: MapOptions): boolean {
  return dryRun || template.shellQuote > 0;
}

class Run {
  readonly #command: MapCommand;
  readonly #options: MapOptions;
  readonly #inputs: Inputs;
  readonly #cluster: MapCluster | undefined;
  readonly #slots: () => number;
  readonly #settings: TemplateSettings;
  readonly #printer: Printer;
  /** The number of all jobs, once it is known. */
  #total = 0;

  constructor(command: MapCommand, inputs: Inputs, cluster: MapCluster | undefined) {
    const { options } = command;
    this.#command = command;
    this.#options = options;
    this.#inputs = inputs;
    this.#cluster = cluster;
    const here = cluster ? 0 : slotsHere(options.slots);
    this.#slots = cluster ? () => cluster.slots() : () => here;
    this.#settings = templateSettings(options, inputs.names, this.#slots(), () => this.#total);
    this.#printer = new Printer({
      mode: { group: "group", "line-buffer": "line", ungroup: "none" }[options.output.grouping] as
        "group" | "line" | "none",
      keepOrder: options.output.keepOrder,
      stdout: process.stdout,
      stderr: process.stderr,
    });
  }

  async run(): Promise<number> {
    const { delay, timeout, retries, output, halt: rule } = this.#options;
    const template =
      this.#command.function === undefined
        ? compileTemplate(this.#command.words, this.#settings)
        : undefined;
    const jobs = await this.#jobs(template);
    const halt = new HaltRule(rule, () => this.#total);
    const { prepare, window, close } = this.#work(template);
    const runs = textOfEach(retries, this.#settings);
    const loop = new JobLoop(
      prepare,
      {
        window,
        delay,
        timeout,
        runsOf: (job) => runs(job),
        halt,
        keepOrder: output.keepOrder,
      },
      this.#events(),
    );
    const interrupts = listenForInterrupts(
      (signal) => {
        loop.stopSoon();
        const again = signal === "SIGINT" ? "Ctrl-C again kills them" : "SIGTERM kills them";
        const { length } = loop.running;
        say(`${signal}: starting no more jobs, and waiting for ${length} to end; ${again}`);
      },
      () => loop.stopNow(),
    );
    try {
      await loop.run(jobs);
      await this.#printer.close();
    } finally {
      interrupts.stop();
      close();
    }
    const { started, failed } = loop;
    return exitStatus({ started, failed, interrupted: interrupts.interrupted }, halt);
  }

  async #jobs(template: Template | undefined): Promise<AsyncIterator<WaitingJob>> {
    const { pipe, halt, output } = this.#options;
    const jobs = pipe
      ? jobsOfBlocks(blocks(standardInput, { ...pipe, skipBlank: false }, say))
      : jobsOfRows(this.#inputs.rows, this.#options, this.#settings, template);
    const needsTotal =
      template?.needsTotal ?? ("percent" in halt || output.bar || output.eta || output.progress);
    if (!needsTotal) return jobs;
    const all = await collectJobs(jobs);
    this.#total = all.length;
    return iterate(all);
  }

  #work(template: Template | undefined): { prepare: Prepare; window: Window; close: () => void } {
    const { timeout, work, output } = this.#options;
    const timeoutMs = timeout && "ms" in timeout ? timeout.ms : undefined;
    const isPrinted = isOnlyPrinted(this.#options);
    const client = this.#cluster?.client;
    const window = slotWindow(this.#slots);
    const close = () => undefined;
    if (template === undefined) {
      const { function: name, words } = this.#command;
      const rules = { ...work, name: name!, words, timeoutMs, host: this.#cluster?.host ?? ":" };
      const calls = new Calls(client, rules, this.#settings);
      if (isPrinted) return { prepare: onlyPrinted(calls.prepare), window, close };
      // A number of a slot must not be that of another call at the same time.
      const mayGrow = !words.some((word) => /%|slot/.test(word));
      const grows = mayGrow && this.#cluster!.mayQueue;
      return {
        prepare: calls.prepare,
        window: grows ? new GrowingWindow(this.#slots) : window,
        close,
      };
    }
    const make = commandMaker(template, this.#settings, this.#options);
    if (isPrinted) return { prepare: onlyPrinted(make), window, close };
    const shell = commandShell();
    if (client) {
      const streams = output.grouping !== "group";
      const commands = new CommandsOnCluster(make, client, { shell, streams, timeoutMs });
      return { prepare: commands.prepare, window, close };
    }
    const commands = new CommandsHere(make, shell, outputWay(output));
    return { prepare: commands.prepare, window, close: () => commands.close() };
  }

  #events(): LoopEvents {
    const { output } = this.#options;
    const tag =
      output.tag === undefined
        ? undefined
        : compileTemplate([output.tag], { ...this.#settings, appendValues: false });
    const showsCommand = output.verbosity > 0 && !isOnlyPrinted(this.#options);
    return {
      started: (job) => {
        if (output.trace) process.stderr.write(`${job.command}\n`);
        const printed = this.#printer.begin({
          seq: job.seq,
          ...(tag && { tag: tag.renderPlain(job) }),
        });
        if (showsCommand) void printed.write("stdout", Buffer.from(`${job.command}\n`));
        return printed;
      },
      ended: (_job, _outcome, printed) => printed.end(),
      say,
    };
  }
}

function outputWay({ grouping, keepOrder, tag }: MapOptions["output"]) {
  if (grouping === "group") return "files";
  return grouping === "ungroup" && !keepOrder && tag === undefined ? "inherited" : "pipes";
}

/** The number of runs of a job, which may be a text with replacement strings. */
function textOfEach(
  retries: MapOptions["retries"],
  settings: TemplateSettings,
): (job: PreparedJob) => number {
  if (typeof retries !== "string") return () => retries ?? 1;
  const template = compileTemplate([retries], { ...settings, appendValues: false });
  return (job) => {
    const text = template.renderPlain(job);
    if (/^\d+$/.test(text)) return Number(text) || Infinity;
    throw new UsageError(
      `--retries: expected a whole number for job ${job.seq}, and got "${text}"`,
    );
  };
}

async function* iterate(jobs: readonly WaitingJob[]): AsyncGenerator<WaitingJob> {
  yield* jobs;
}

function templateSettings(
  options: MapOptions,
  headers: readonly string[],
  slots: number,
  totalJobs: () => number,
): TemplateSettings {
  const { parens, plus, definitions, renamed, quote, contextReplace, shellQuote } =
    options.template;
  return {
    parens: parens.left + parens.right,
    plus,
    rpl: definitions,
    renamed,
    headers,
    quoteWords: quote,
    quoteValues: true,
    appendValues: options.pipe === undefined,
    repeatContext: contextReplace,
    withoutValues: options.batches.noValues,
    shellQuotings: shellQuote,
    totalJobs,
    slots,
  };
}
