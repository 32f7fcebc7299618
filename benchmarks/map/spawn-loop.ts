// The least that a program of Node can do to run commands: starts `true` for each input, two at a time, and
// does nothing else. Its argument is the number of inputs.

import { spawn } from "node:child_process";

let left = Number(process.argv[2]);

function next(): void {
  if (left-- > 0) spawn("true", { stdio: ["ignore", "pipe", "pipe"] }).once("close", next);
}

next();
next();
