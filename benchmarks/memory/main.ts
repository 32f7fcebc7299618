// `npm run bench:memory`: what each kind of thing that the core keeps takes on the heap, beside what the ledger counts
// for it (`scheduler/core/memory/ledger.ts`). The ledger is to count no less.

import { kinds } from "./kinds.ts";
import { measure } from "./measure.ts";

const count = Number(process.argv[2] ?? 200_000);
if (!Number.isSafeInteger(count) || count < 1) {
  console.error("Usage: npm run bench:memory -- [how many of each]");
  process.exit(2);
}

console.log("| kind | measured | counted | counted / measured |\n| --- | ---: | ---: | ---: |");
for (const [name, kind] of Object.entries(kinds)) {
  measure(kind, count / 50);
  const { measured, counted } = measure(kind, count);
  const cells = [name, measured.toFixed(0), counted.toFixed(0), (counted / measured).toFixed(2)];
  console.log(`| ${cells.join(" | ")} |`);
}
