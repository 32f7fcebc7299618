// One run of `thence map`, from the parsed command line to the exit status.

import { UsageError } from "../exit-code.ts";
import type { Progress } from "./output/progress.ts";
import type { MapCluster } from "./work/cluster.ts";
import type { MapCommand } from "./command-line/command-line.ts";
import { CommandsHere, type OutputWay } from "./work/commands-here.ts";
import { commandMaker, inputFile, onlyPrinted } from "./work/commands.ts";
import { exitStatus } from "./jobs/exit-status.ts";
import { HaltRule } from "./jobs/halt.ts";
import { listenForInterrupts } from "./jobs/interrupts.ts";
import { Joblog } from "./saved/joblog.ts";
import { JobLoop, type LoopEvents } from "./jobs/job-loop.ts";
import type { MapOptions } from "./command-line/map-options.ts";
import { blocks } from "./inputs/blocks.ts";
import { Printer, type JobOutput, type PrinterOptions } from "./output/printer.ts";
import type { Results } from "./saved/results.ts";
import { StandardOutput } from "./output/standard-output.ts";
import { failedCalls, failedJobs, isSteady, jobsLeft, jobsWithoutResults } from "./jobs/resume.ts";
import { commandShell } from "./work/shell.ts";
import { slotCounter } from "./jobs/slots.ts";
import { openInputs, type Inputs } from "./inputs/sources.ts";
import { compileTemplate, type Template, type TemplateSettings } from "./template/template.ts";
import { collectJobs, jobsOfBlocks, jobsOfRows } from "./jobs/waiting-jobs.ts";
import { GrowingWindow, slotWindow, type Window } from "./jobs/window.ts";
import { exitCodeOfKilled, type Prepare, type PreparedJob, type WaitingJob } from "./jobs/work.ts";

/**
 * Runs all jobs and answers the exit status.
 *
 * @throws {Error} when the run itself fails, and not only jobs of it
 */
export async function runMap(command: MapCommand): Promise<number> {
  const { options } = command;
  // It takes its time to start; meanwhile the inputs are opened.
  const starting = usesCluster(command) ? openCluster(command) : undefined;
  starting?.catch(() => undefined);
  let inputs: Inputs | undefined;
  let cluster: MapCluster | undefined;
  try {
    inputs = await openInputs(command.sources, options.inputs, standardInput);
    cluster = await starting;
    return await new Run(command, inputs, cluster).run();
  } finally {
    await inputs?.close();
    cluster ??= await starting?.catch(() => undefined);
    await cluster?.close();
  }
}

/** Whether jobs run on workers, and not as children of this process. */
function usesCluster({ function: name, options }: MapCommand): boolean {
  const { address, schedulerFile } = options.connection;
  const { THENCE_ADDRESS, THENCE_SCHEDULER_FILE } = process.env;
  if (isOnlyPrinted(options)) return false;
  return Boolean(
    name ?? address ?? schedulerFile ?? (THENCE_ADDRESS || undefined) ?? THENCE_SCHEDULER_FILE,
  );
}

/** Loads what only a cluster needs, which takes longer than to start many a command. */
async function openCluster({ function: name, options }: MapCommand): Promise<MapCluster> {
  const { openCluster: open, checkFunction } = await import("./work/cluster.ts");
  const cluster = await open(options);
  try {
    if (name !== undefined) await checkFunction(cluster, name);
  } catch (error) {
    await cluster.close();
    throw error;
  }
  return cluster;
}

/** Opened when it is first read, since most runs do not. */
const standardInput: AsyncIterable<Uint8Array> = {
  [Symbol.asyncIterator]: () => process.stdin[Symbol.asyncIterator]() as AsyncIterator<Buffer>,
};

function isOnlyPrinted({ dryRun, template }: MapOptions): boolean {
  return dryRun || template.shellQuote > 0;
}

type Work = { prepare: Prepare; window: Window; close?: () => void };

class Run {
  readonly #command: MapCommand;
  readonly #options: MapOptions;
  readonly #inputs: Inputs;
  readonly #cluster: MapCluster | undefined;
  readonly #slots: () => number;
  readonly #settings: TemplateSettings;
  readonly #standard = new StandardOutput((error) => this.#loop?.fail(error));
  readonly #printer: Printer;
  readonly #joblog: Joblog | undefined;
  #results: Results | undefined;
  #progress: Progress | undefined;
  #loop: JobLoop | undefined;
  /** The number of all jobs, once it is known. */
  #total: number | undefined;

  constructor(command: MapCommand, inputs: Inputs, cluster: MapCluster | undefined) {
    const { options } = command;
    this.#command = command;
    this.#options = options;
    this.#inputs = inputs;
    this.#cluster = cluster;
    this.#slots = cluster ? () => cluster.slots() : slotCounter(options.slots);
    this.#settings = templateSettings(options, inputs.names, this.#slots(), () => this.#total ?? 0);
    this.#printer = new Printer({
      mode: printerMode(options.output),
      keepOrder: options.output.keepOrder,
      stdout: this.#standard.stdout,
      stderr: this.#standard.stderr,
      onError: (error) => this.#loop?.fail(error),
    });
    const { joblog, resume, dryRun } = options;
    this.#joblog =
      joblog && new Joblog({ ...joblog, ...resume, dryRun, stdout: this.#standard.stdout });
  }

  async run(): Promise<number> {
    const { delay, timeout, retries, output, halt: rule } = this.#options;
    const template =
      this.#command.function === undefined
        ? compileTemplate(this.#command.words, this.#settings)
        : undefined;
    const halt = new HaltRule(rule, () => this.#total ?? 0);
    const { prepare, window, close } = await this.#work(template);
    this.#results = await this.#openResults();
    const jobs = await this.#jobs(template, prepare);
    const runs = textOfEach(retries, this.#settings);
    const loop = (this.#loop = new JobLoop(
      prepare,
      {
        window,
        delay,
        // A worker knows best when a job has started, and keeps what it wrote.
        timeout: this.#cluster && timeout && "ms" in timeout ? undefined : timeout,
        runsOf: (job) => runs(job),
        halt,
        keepOrder: output.keepOrder,
      },
      this.#events(),
    ));
    this.#progress = await this.#openProgress();
    const interrupts = listenForInterrupts(
      (signal) => {
        loop.stopSoon();
        const again = signal === "SIGINT" ? "Ctrl-C again kills them" : "SIGTERM kills them";
        const { length } = loop.running;
        this.#say(`${signal}: starting no more jobs, and waiting for ${length} to end; ${again}`);
      },
      () => loop.stopNow(),
    );
    try {
      await loop.run(jobs);
      await this.#printer.close();
      await this.#standard.flushed();
    } finally {
      interrupts.stop();
      this.#progress?.close();
      close?.();
      this.#results?.close();
      this.#joblog?.close();
    }
    const { started, failed } = loop;
    return exitStatus({ started, failed, interrupted: interrupts.interrupted }, halt);
  }

  async #jobs(
    template: Template | undefined,
    prepare: Prepare,
  ): Promise<AsyncIterator<WaitingJob>> {
    const { pipe, halt, output, inputs } = this.#options;
    const all = pipe
      ? jobsOfBlocks(
          blocks(standardInput, { ...pipe, skipBlank: inputs.skipBlank }, this.#say),
          pipe.cat ? [inputFile] : [],
        )
      : jobsOfRows(this.#inputs.rows, this.#options, this.#settings, template);
    const left = this.#leftOf(all, prepare);
    const needsTotal = template?.needsTotal || "percent" in halt || output.bar || output.eta;
    if (!needsTotal) return left;
    const collected = await collectJobs(left);
    this.#total = collected.length;
    return iterate(collected);
  }

  #leftOf(all: AsyncGenerator<WaitingJob>, prepare: Prepare): AsyncGenerator<WaitingJob> {
    const { resume, resumeFailed, retryFailed } = this.#options.resume;
    const joblog = this.#joblog;
    const isCommand = this.#command.function === undefined;
    if (joblog?.failed && retryFailed) {
      return isCommand ? failedJobs(joblog) : failedCalls(all, joblog);
    }
    const left = resume && this.#results ? jobsWithoutResults(all, this.#results) : all;
    if (!joblog || !(resume || resumeFailed)) return left;
    return jobsLeft(left, joblog, isSteady(this.#command.words) ? prepare : undefined);
  }

  async #work(template: Template | undefined): Promise<Work> {
    const { timeout, output } = this.#options;
    const timeoutMs = timeout && "ms" in timeout ? timeout.ms : undefined;
    const isPrinted = isOnlyPrinted(this.#options);
    const window = slotWindow(this.#slots);
    if (template === undefined) return this.#calls(window, timeoutMs);
    const make = commandMaker(template, this.#settings, this.#options);
    if (isPrinted) return { prepare: onlyPrinted(make), window };
    const shell = commandShell();
    if (this.#cluster) {
      const { CommandsOnCluster } = await import("./work/commands-on-cluster.ts");
      const settings = { shell, streams: output.grouping !== "group", timeoutMs };
      const { prepare } = new CommandsOnCluster(make, this.#cluster.client, settings);
      return { prepare, window };
    }
    const commands = new CommandsHere(make, shell, outputWay(this.#options));
    return { prepare: commands.prepare, window, close: () => commands.close() };
  }

  async #calls(window: Window, timeoutMs: number | undefined): Promise<Work> {
    const { Calls } = await import("./work/calls.ts");
    const { function: name, words } = this.#command;
    const host = this.#cluster?.isHere === false ? "-" : ":";
    const rules = { ...this.#options.work, name: name!, words, timeoutMs, host };
    const { prepare } = new Calls(this.#cluster?.client, rules, this.#settings);
    if (!this.#cluster) return { prepare: onlyPrinted(prepare), window };
    // No two calls may have the same slot at once when they are told its number.
    const grows = this.#cluster.mayQueue && isSteady(words);
    return { prepare, window: grows ? new GrowingWindow(this.#slots) : window };
  }

  async #openResults(): Promise<Results | undefined> {
    const { results, output, resume, dryRun } = this.#options;
    if (!results || dryRun) return undefined;
    const path = this.#plainTemplate(results.path);
    const { openResults } = await import("./saved/results.ts");
    return openResults({
      ...results,
      render: path.renderPlain,
      headers: this.#inputs.names,
      printer: this.#printer,
      mode: printerMode(output),
      ...this.#standard,
      append: resume.resume || resume.resumeFailed || resume.retryFailed,
    });
  }

  async #openProgress(): Promise<Progress | undefined> {
    const { bar, eta } = this.#options.output;
    if (!showsProgress(this.#options.output)) return undefined;
    const { Progress: Shown } = await import("./output/progress.ts");
    return new Shown({ bar, eta, slots: this.#slots(), total: () => this.#total });
  }

  /** For names and tags. */
  #plainTemplate(text: string): Template {
    return compileTemplate([text], { ...this.#settings, appendValues: false });
  }

  #events(): LoopEvents {
    const { output } = this.#options;
    const tag = output.tag === undefined ? undefined : this.#plainTemplate(output.tag);
    const showsCommand = output.verbosity > 0 && !isOnlyPrinted(this.#options);
    const begin = (job: PreparedJob): JobOutput => {
      const tagged = tag && { tag: tag.renderPlain(job) };
      const { seq, rows, slot, command } = job;
      return this.#results
        ? this.#results.begin({ seq, rows, slot, command, ...tagged })
        : this.#printer.begin(tagged);
    };
    return {
      started: (job) => {
        if (output.trace) void this.#standard.stderr.write(Buffer.from(`${job.command}\n`));
        this.#progress?.jobStarted(job.rows.flat().join(" "));
        const printed = begin(job);
        if (showsCommand) void printed.write("stdout", Buffer.from(`${job.command}\n`));
        return printed;
      },
      ended: (job, ending, printed) => {
        if (this.#cluster && ending.exitCode === exitCodeOfKilled) {
          this.#say(`this job was killed because it timed out:\n${job.command}`);
        }
        this.#progress?.jobEnded();
        return printed.end(() => {
          const outcome = { ...ending, receivedBytes: printed.receivedBytes };
          this.#results?.write(job, outcome);
          const { seq, command } = job;
          // No job is logged whose output could still be lost with this process.
          if (this.#joblog) {
            this.#standard.whenWritten(() => this.#joblog!.write(seq, outcome, command));
          }
        });
      },
      say: this.#say,
    };
  }

  readonly #say = (text: string): void => {
    void this.#standard.stderr.write(Buffer.from(`thence: ${text}\n`));
  };
}

function printerMode({ grouping }: MapOptions["output"]): PrinterOptions["mode"] {
  return ({ group: "group", "line-buffer": "line", ungroup: "none" } as const)[grouping];
}

function outputWay({ output, results }: MapOptions): OutputWay {
  const { grouping, trace, verbosity } = output;
  if (grouping === "group") return "files";
  // What this process prints beside the output would not stay in order with it.
  const printsToo = trace || verbosity > 0 || showsProgress(output);
  return grouping === "ungroup" && !printsToo && !results ? "inherited" : "pipes";
}

function showsProgress({ bar, eta, progress }: MapOptions["output"]): boolean {
  return bar || eta || progress;
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
  const { parens, plus, definitions, renamed, quote, contextReplace, withoutValues, shellQuote } =
    options.template;
  return {
    parens: parens.left + parens.right,
    plus,
    rpl: definitions,
    renamed,
    headers,
    quoteWords: quote,
    quoteValues: !options.pipe?.cat,
    appendValues: options.pipe === undefined,
    repeatContext: contextReplace,
    withoutValues,
    shellQuotings: shellQuote,
    totalJobs,
    slots,
  };
}
