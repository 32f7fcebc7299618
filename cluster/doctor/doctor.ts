// The whole examination, from the machine outwards. What cannot be examined, because what comes before it
// failed, is left out.

import { readAuthorities } from "../../src/meeting/site-certificate.ts";
import { givenToken } from "../../src/meeting/token.ts";
import { Subject, type Finding } from "./findings.ts";
import { examineJob, examineMachine } from "./machine.ts";
import { examineFile, examineScheduler } from "./scheduler.ts";
import { examineWorkers } from "./workers.ts";

export type Patient = {
  readonly address?: string | undefined;
  readonly schedulerFile?: string | undefined;
  readonly tokenFile?: string | undefined;
  readonly tlsCa?: string | undefined;
  /** For each attempt to connect, in milliseconds. */
  readonly timeoutMs: number;
};

export async function examine(patient: Patient): Promise<Finding[]> {
  const { address, schedulerFile, timeoutMs } = patient;
  const findings = [...examineMachine(), ...(await examineJob())];
  const given = await givenToken(patient);
  if (address === undefined && schedulerFile === undefined) {
    const subject = new Subject("scheduler");
    subject.warn("no scheduler is named", "give its address, or --scheduler-file");
    return [...findings, ...subject.findings];
  }
  const found =
    address === undefined && schedulerFile !== undefined
      ? await examineFile(schedulerFile)
      : undefined;
  findings.push(...(found?.findings ?? []));
  const urls = address === undefined ? found?.file?.urls : [address];
  if (urls === undefined) return findings;
  const token = given ?? found?.file?.token;
  const ca = patient.tlsCa === undefined ? undefined : readAuthorities(patient.tlsCa);
  const scheduler = await examineScheduler({ urls, token, ca, expected: found?.file, timeoutMs });
  findings.push(...scheduler.findings);
  const { session } = scheduler;
  if (session === undefined) return findings;
  try {
    return [...findings, ...(await examineWorkers(session, { token, timeoutMs }))];
  } finally {
    await session.close();
  }
}
