// The scheduler, as `thence doctor` finds it: its file, each of its URLs, its versions and its clock.

import { statSync } from "node:fs";
import { hostname } from "node:os";
import { isLocalProcess } from "../../scheduler/local-process.ts";
import { openSession } from "../../client/connecting.ts";
import type { Session } from "../../client/session.ts";
import { AuthenticationError, ProtocolError } from "../../src/errors/errors.ts";
import { withoutPin } from "../../src/link/pin.ts";
import { isLoopback } from "../../src/meeting/loopback.ts";
import { exposureOf, remedyOf } from "../../src/meeting/exposure.ts";
import { readSchedulerFile, type SchedulerFile } from "../../src/meeting/scheduler-file.ts";
import { now, timestamp } from "../../src/timers.ts";
import { version } from "../../src/version.ts";
import { PROTOCOL_VERSION } from "../../src/wire/protocol.ts";
import { rightOf } from "../../src/wire/rights.ts";
import { adviceFor, ask } from "./http.ts";
import { Subject, type Finding } from "./findings.ts";
import { examineTls } from "./tls.ts";

/** A clock that is off by more than this, in milliseconds, misleads people who compare logs. */
const clockMs = 2_000;

export type ExaminedFile = { readonly findings: Finding[]; readonly file?: SchedulerFile };

export async function examineFile(path: string): Promise<ExaminedFile> {
  const subject = new Subject("scheduler file");
  const { findings } = subject;
  let file: SchedulerFile | undefined;
  try {
    file = await readSchedulerFile(path);
  } catch (error) {
    subject.fail((error as Error).message);
    return { findings };
  }
  if (file === undefined) {
    const advice =
      "the scheduler has not started, or has ended, or writes to another path or to a disk of its own node";
    subject.fail(`${path} is not there`, advice);
    return { findings };
  }
  const { host, pid, startedAt } = file;
  const writer = `process ${pid} on ${host}, started at ${startedAt}, thence ${file.version}`;
  if (host === hostname() && !isLocalProcess(file)) {
    const advice = "start a scheduler with this file, or remove it";
    subject.fail(`${path} is stale: its scheduler is gone, ${writer}`, advice);
  } else subject.ok(`${path}: ${writer}`);
  const stats = statSync(path);
  const exposure = exposureOf(stats);
  if (exposure !== undefined && rightOf(file.token) === "full") {
    const { whose, advice } = remedyOf(path, stats);
    subject.fail(`${exposure} ${path}, and with its token run code as ${whose}`, advice);
  }
  return { findings, file };
}

export type ExaminedScheduler = {
  readonly findings: Finding[];
  /** A session with it, once both sides have proved the token; for the caller to close. */
  readonly session?: Session;
};

export async function examineScheduler(options: {
  urls: readonly string[];
  token: string | undefined;
  ca: string | undefined;
  /** Its id and its host, when a scheduler file says them. */
  expected: Pick<SchedulerFile, "id" | "host"> | undefined;
  timeoutMs: number;
}): Promise<ExaminedScheduler> {
  const { urls, token, ca, expected, timeoutMs } = options;
  const subject = new Subject("scheduler");
  const { findings } = subject;
  const answers = await Promise.all(
    urls.map(async (url) => ({ url, answer: await ask(url, "health", { ca, timeoutMs }) })),
  );
  const reached = answers.filter(({ answer }) => answer.status === 200);
  for (const { url, answer } of answers) {
    if (answer.status === 200) subject.ok(`${withoutPin(url)} answered within ${answer.tookMs} ms`);
    else {
      const why = answer.status === undefined ? answer.why : `HTTP ${answer.status}`;
      const isElsewhere = expected !== undefined && expected.host !== hostname() && isLoopback(url);
      const advice = isElsewhere
        ? `it listens on loopback only, on ${expected.host}: start it with --interface or --host`
        : adviceFor(why);
      // One URL that answers is enough.
      const text = `${withoutPin(url)}: ${why}, after ${answer.tookMs} ms`;
      if (reached.length > 0) subject.warn(text, advice);
      else subject.fail(text, advice);
    }
  }
  const [best] = reached;
  if (best === undefined) return { findings };
  if (best.answer.status !== undefined) examineTls(subject, best.url, best.answer.validTo);

  const askedAt = now();
  let session: Session;
  try {
    session = await openSession({
      target: async () => ({ url: best.url, token, ...(ca !== undefined && { ca }) }),
      describeTarget: withoutPin(best.url),
      name: `doctor-${hostname()}-${process.pid}`,
      timeoutMs,
    });
  } catch (error) {
    const { message } = error as Error;
    if (error instanceof AuthenticationError) {
      const advice =
        token === undefined
          ? "give the scheduler file, or the token by --token-file or $THENCE_TOKEN"
          : "the file is of an earlier scheduler, or $THENCE_TOKEN is of another";
      subject.fail(message, advice);
    } else if (error instanceof ProtocolError) subject.fail(message);
    else subject.fail(`it does not say what it is: ${message}`, "it is no scheduler");
    return { findings };
  }
  const { scheduler, right, version: theirs = "an older version", at } = session.welcome!;
  subject.ok(right === "view" ? "both sides know the view token" : "both sides know the token");
  if (expected !== undefined && expected.id !== scheduler) {
    subject.fail("another scheduler answers there: the file is of an earlier one");
  }
  const versions = `thence ${theirs}, protocol ${PROTOCOL_VERSION}`;
  if (theirs !== version) subject.warn(`it runs ${versions}; here is ${version}`);
  else subject.ok(`it runs ${versions}, as here`);
  const aheadMs = Math.round(at! + (now() - askedAt) / 2 - timestamp());
  const clock = `its clock is ${Math.abs(aheadMs)} ms ${aheadMs < 0 ? "behind" : "ahead"}`;
  if (Math.abs(aheadMs) > clockMs) subject.warn(clock, "the times in the logs do not agree");
  else subject.ok(clock);
  return { findings, session };
}
