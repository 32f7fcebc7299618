// The driver of a run: the user's own program, in a process with the terminal and the streams of this one.

import { spawn } from "node:child_process";
import { processEnd } from "../process-end.ts";

/** A debugger that SIGUSR1 would open here is open to every user of the machine; see cli/signals.js. */
const withoutDebugger = "--inspect-port=192.0.2.1:9229";
/** Without a listener Node would try it all the same, and say that it failed. */
const listener = 'data:text/javascript,process.on("SIGUSR1", () => undefined)';

export type Driver = {
  signal(signal: NodeJS.Signals): void;
  /** Resolves with the exit code, as a shell has it. */
  readonly ended: Promise<number>;
};

/** @param program the script and its arguments */
export function startDriver(program: readonly string[], environment: NodeJS.ProcessEnv): Driver {
  const child = spawn(process.execPath, [withoutDebugger, "--import", listener, ...program], {
    stdio: "inherit",
    env: environment,
  });
  return {
    signal: (signal) => void child.kill(signal),
    ended: processEnd(child).then(({ code }) => code),
  };
}
