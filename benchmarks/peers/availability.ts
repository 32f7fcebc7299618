// Which peers can be had, after what was installed: the lines of the tables, and who takes part.

import type { Installed } from "./install/install.ts";
import { packageOf, type Part } from "./install/part.ts";
import type { Peer } from "./peers.ts";
import type { Line } from "./table.ts";

/** The first part of a peer that could not be had, with the reason; undefined when it has all. */
export function reasonAgainst({ needs }: Peer, installed: Installed): string | undefined {
  for (const part of needs) {
    const outcome = installed.get(part);
    if (outcome === undefined) return `${part} was not installed`;
    if ("reason" in outcome) return `${part}: ${outcome.reason}`;
  }
  return undefined;
}

/** thence first; a peer that cannot be had keeps its line. */
export function linesOf(peers: readonly Peer[], installed: Installed, thence: string): Line[] {
  const lines = peers.map((peer): Line => {
    const { name, title } = peer;
    const reason = reasonAgainst(peer, installed);
    const version = versionOf(peer.version, installed) ?? "";
    return reason === undefined ? { name, title, version } : { name, title, version, reason };
  });
  return [{ name: "thence", title: "**thence**", version: thence }, ...lines];
}

/** Every part that some peer needs, and its version. */
export function versionsLine(peers: readonly Peer[], installed: Installed): string {
  const parts = new Set(peers.flatMap(({ needs }) => needs));
  const told = [...parts].flatMap((part) => {
    const version = versionOf(part, installed);
    return version === undefined ? [] : `${packageOf(part)} ${version}`;
  });
  return told.join(", ");
}

function versionOf(part: Part, installed: Installed): string | undefined {
  const outcome = installed.get(part);
  return outcome !== undefined && "version" in outcome ? outcome.version : undefined;
}
