/** Prints a line for people, to standard error. */
export function say(text: string): void {
  process.stderr.write(`thence: ${text}\n`);
}
