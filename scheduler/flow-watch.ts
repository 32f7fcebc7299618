// What is on its way to peers and from them, of all links together. The core does not count it, and one link alone
// cannot know how much others hold. Peers that do not read are cut off, those with the most first: clients when less
// waits for all of them, since workers are to be sent what is kept here. Frames that arrive in part are read one after
// another when they are too many.

import type { Link } from "../src/link/link.ts";
import { ConnectionError } from "../src/errors/errors.ts";
import { formatSize } from "../src/size.ts";
import { clearInterval, setInterval } from "../src/timers.ts";
import type { MemoryLimits } from "./memory-limits.ts";

const lookEveryMs = 250;
/** How long a link is not read from, so that others can end their frames. */
const heldMs = 400;
/** A link with less than this is not worth holding up, or cutting off. */
const smallBytes = 64 * 1024;

type AnyLink = Link<unknown, object>;
export type Links = { readonly clients: readonly AnyLink[]; readonly workers: readonly AnyLink[] };

/** Returns what stops it. */
export function watchFlow(
  links: () => Links,
  limits: Pick<MemoryLimits, "waitingBytes" | "waitingForWorkersBytes" | "arrivingBytes">,
): () => void {
  const timer = setInterval(() => {
    const { clients, workers } = links();
    keepBelow(clients, limits.waitingBytes);
    keepBelow(workers, limits.waitingForWorkersBytes);
    holdPartialFrames([...clients, ...workers], limits.arrivingBytes);
  }, lookEveryMs);
  timer.unref();
  return () => clearInterval(timer);
}

function keepBelow(links: readonly AnyLink[], most: number): void {
  const waiting = sumOf(links.map((link) => link.bufferedBytes));
  if (waiting > most) cutOff(links, waiting - most);
}

/** Ends sessions, those for which most waits first, until so many bytes are let go. */
export function cutOff(links: readonly AnyLink[], excessBytes: number): void {
  const sizes = links.map((link) => ({ link, bytes: link.bufferedBytes }));
  let left = excessBytes;
  for (const { link, bytes } of sizes.sort((a, b) => b.bytes - a.bytes)) {
    if (left <= 0 || bytes < smallBytes) return;
    left -= bytes;
    const problem = `read sooner: ${formatSize(bytes)} waited for this peer, which took too much of the scheduler's memory`;
    link.violate(new ConnectionError(problem));
  }
}

function holdPartialFrames(links: readonly AnyLink[], most: number): void {
  const sizes = links.map((link) => ({ link, bytes: link.arrivingBytes }));
  if (sumOf(sizes.map(({ bytes }) => bytes)) <= most) return;
  const [, ...others] = sizes.sort((a, b) => b.bytes - a.bytes);
  for (const { link, bytes } of others) if (bytes > smallBytes) link.throttle(heldMs);
}

function sumOf(all: readonly number[]): number {
  return all.reduce((sum, each) => sum + each, 0);
}
