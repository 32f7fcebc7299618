// A task that has a program compute on its GPU. The program here only says which one it sees.

import { exec } from "../../worker/index.ts";

export async function compute(seconds: number): Promise<string> {
  const { stdout } = await exec(`sleep ${seconds}; echo $CUDA_VISIBLE_DEVICES`);
  return new TextDecoder().decode(stdout).trim();
}
