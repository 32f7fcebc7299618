// Counts the words of every Markdown file under a folder. One task counts a file, and a tree of tasks
// adds the counts, each with eight futures as inputs, so that only the total returns to this program.
// Compares the result with a plain loop.
//
//   node examples/word-count/main.ts [FOLDER]

import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { Client, type Future } from "../../src/index.ts";
import type { Counts } from "./tasks.ts";

const mergedAtOnce = 8;
const folder = path.resolve(
  process.argv[2] ?? path.join(import.meta.dirname, "../../node_modules"),
);
const files = markdownFiles(folder);

const client = await Client.local<typeof import("./tasks.ts")>({
  modules: [path.join(import.meta.dirname, "tasks.ts")],
});
try {
  const start = performance.now();
  let level: Future<Counts>[] = client.map("countWords", files);
  while (level.length > 1) {
    const groups = chunks(level, mergedAtOnce);
    level = groups.map((group) => client.submit("mergeCounts", group));
  }
  const counts = (await level[0]?.result()) ?? new Map<string, number>();
  const seconds = (performance.now() - start) / 1000;

  const words = [...counts.values()].reduce((sum, count) => sum + count, 0);
  console.log(
    `${files.length} files, ${words} words, ${counts.size} different: ${seconds.toFixed(2)} s`,
  );
  const top = [...counts].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1)).slice(0, 10);
  for (const [word, count] of top) console.log(`${String(count).padStart(8)} ${word}`);

  if (isSame(counts, plainLoop(files))) {
    console.log("a plain loop says the same");
  } else {
    console.log("a plain loop says something else");
    process.exitCode = 1;
  }
} finally {
  await client.close();
}

function markdownFiles(root: string): string[] {
  return readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.toLowerCase().endsWith(".md"))
    .map((entry) => path.join(entry.parentPath, entry.name))
    .sort();
}

function chunks<Item>(items: readonly Item[], size: number): Item[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, index) =>
    items.slice(index * size, (index + 1) * size),
  );
}

/** The same count by a plain loop, without tasks.ts. */
function plainLoop(paths: readonly string[]): Counts {
  const counts = new Map<string, number>();
  for (const file of paths) {
    for (const word of readFileSync(file, "utf8")
      .toLowerCase()
      .split(/[^\p{L}\p{N}]+/u)) {
      if (word !== "") counts.set(word, (counts.get(word) ?? 0) + 1);
    }
  }
  return counts;
}

function isSame(a: Counts, b: Counts): boolean {
  return a.size === b.size && [...a].every(([word, count]) => b.get(word) === count);
}
