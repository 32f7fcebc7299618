// What `thence doctor` finds, for people and for machines.

export type Finding = {
  /** What it is about: "this machine", "scheduler" and so on. */
  readonly about: string;
  readonly mark: "ok" | "warn" | "fail";
  /** One sentence without a period. */
  readonly text: string;
  /** What to do about it. */
  readonly advice?: string;
};

/** Collects findings about one subject. */
export class Subject {
  readonly findings: Finding[] = [];
  readonly #about: string;

  constructor(about: string) {
    this.#about = about;
  }

  ok(text: string): void {
    this.findings.push({ about: this.#about, mark: "ok", text });
  }

  warn(text: string, advice?: string): void {
    this.findings.push({ about: this.#about, mark: "warn", text, ...(advice && { advice }) });
  }

  fail(text: string, advice?: string): void {
    this.findings.push({ about: this.#about, mark: "fail", text, ...(advice && { advice }) });
  }
}

/** The findings under headings, with a mark before each and a summary at the end. */
export function findingsText(findings: readonly Finding[]): string {
  const lines: string[] = [];
  let heading: string | undefined;
  for (const { about, mark, text, advice } of findings) {
    if (about !== heading) lines.push(about);
    heading = about;
    lines.push(`  ${mark.padEnd(4)}  ${text}`);
    if (advice !== undefined) lines.push(`        ${advice}`);
  }
  return [...lines, "", summary(findings)].join("\n");
}

function summary(findings: readonly Finding[]): string {
  const count = (mark: Finding["mark"]) => findings.filter((each) => each.mark === mark).length;
  const [failed, warnings] = [count("fail"), count("warn")];
  if (failed > 0) return failed === 1 ? "1 check failed" : `${failed} checks failed`;
  if (warnings === 0) return "all is well";
  return `no check failed; ${warnings === 1 ? "1 warning" : `${warnings} warnings`}`;
}
