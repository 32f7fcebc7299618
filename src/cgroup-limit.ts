// The memory that the control groups of this process leave to it. Node's own `constrainedMemory()` looks at
// one group; a batch system sets the limit on a group above, of the job or of the step.

import { readFileSync } from "node:fs";
import path from "node:path";

/** The text of a file; undefined when it cannot be read. */
export type ReadText = (file: string) => string | undefined;

/** Version 2 throttles a group above `memory.high`, and kills in it above `memory.max`. */
const filesOf = {
  cgroup2: ["memory.max", "memory.high"],
  cgroup: ["memory.limit_in_bytes"],
} as const;

/**
 * The smallest limit, in bytes, of the groups from that of this process up; Infinity when there is none.
 * All processes of a group share it. Version 1 writes "no limit" as a number beyond any memory.
 */
export function cgroupMemoryLimit(read: ReadText = readText): number {
  let least = Infinity;
  for (const { folder, top, files } of memoryGroups(read)) {
    for (let at = folder; at.length >= top.length; at = path.posix.dirname(at)) {
      for (const file of files) {
        const text = read(path.posix.join(at, file))?.trim() ?? "";
        if (/^\d+$/.test(text)) least = Math.min(least, Number(text));
      }
    }
  }
  return least;
}

type Group = {
  /** Where the group of this process is, and the highest group above it that can be seen. */
  readonly folder: string;
  readonly top: string;
  readonly files: readonly string[];
};

/** The group in each hierarchy that may limit memory: version 1, version 2, or one of either. */
function memoryGroups(read: ReadText): Group[] {
  const groups = (read("/proc/self/cgroup") ?? "").split("\n").map((line) => {
    const [, controllers = "", group = ""] = /^\d+:([^:]*):(.*)$/.exec(line) ?? [];
    return { controllers: controllers.split(","), group };
  });
  return (read("/proc/self/mountinfo") ?? "").split("\n").flatMap((line) => {
    const [before = "", after = ""] = line.split(" - ");
    const [, , , root = "", top = ""] = before.split(" ");
    const [type = "", , options = ""] = after.split(" ");
    if (type !== "cgroup" && type !== "cgroup2") return [];
    const controller = type === "cgroup" ? "memory" : "";
    if (type === "cgroup" && !options.split(",").includes("memory")) return [];
    const own = groups.find(({ controllers }) => controllers.includes(controller));
    if (own === undefined) return [];
    const folder = path.posix.join(top, within(root, own.group)).replace(/\/$/, "");
    return [{ folder, top, files: filesOf[type] }];
  });
}

/** The group as seen in the mount; its top when the group is outside, as in some containers. */
function within(root: string, group: string): string {
  if (group.split("/").includes("..")) return "/";
  if (root === "/") return group;
  return group === root || group.startsWith(`${root}/`) ? group.slice(root.length) : "/";
}

function readText(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return undefined;
  }
}
