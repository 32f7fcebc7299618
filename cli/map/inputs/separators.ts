// Where a buffer of records may be cut into blocks, and which bytes of a block separate records
// (--recstart, --recend, --regexp, -N, -L, --csv, --rrs). Regular expressions see each byte as one
// character.

export type RecordRules = {
  readonly recordStart: string | undefined;
  readonly recordEnd: string | undefined;
  /** Start and end are regular expressions. */
  readonly regexp: boolean;
  /** The text that start and end match is removed. */
  readonly removeSeparators: boolean;
  readonly recordsPerBlock: number | undefined;
  readonly linesPerRecord: number | undefined;
  /** A newline between quotes ends no record. */
  readonly csv?: boolean;
};

/** The lengths of the blocks at the start of a buffer, one after the other. The rest is no whole block. */
export type Cutter = (buffer: Buffer, isLast: boolean) => Iterable<number>;

export function cutterOf(rules: RecordRules): Cutter {
  const { recordsPerBlock, linesPerRecord, csv, regexp } = rules;
  if (linesPerRecord && !recordsPerBlock) return (buffer) => [wholeRecords(buffer, linesPerRecord)];
  if (csv) return (buffer) => [wholeCsvRows(buffer)];
  if (!recordsPerBlock) return regexp ? atLastMatch(rules) : atLastMark(rules);
  const count = recordsPerBlock * (linesPerRecord || 1);
  return regexp ? afterMatches(rules, count) : afterMarks(rules, count);
}

/** The length of as many lines as are whole records. */
function wholeRecords(buffer: Buffer, linesPerRecord: number): number {
  let whole = 0;
  let lines = 0;
  for (let at = buffer.indexOf("\n"); at >= 0; at = buffer.indexOf("\n", at + 1)) {
    lines++;
    if (lines % linesPerRecord === 0) whole = at + 1;
  }
  return whole;
}

const quote = 34;
const newline = 10;

function wholeCsvRows(buffer: Buffer): number {
  let whole = 0;
  let inQuotes = false;
  for (let at = 0; at < buffer.length; at++) {
    if (buffer[at] === quote) inQuotes = !inQuotes;
    else if (buffer[at] === newline && !inQuotes) whole = at + 1;
  }
  return whole;
}

/** What separates two records: the end of one and the start of the next. */
function marks({ recordStart = "", recordEnd = "" }: RecordRules): { mark: Buffer; end: Buffer } {
  return { mark: Buffer.from(recordEnd + recordStart), end: Buffer.from(recordEnd) };
}

function atLastMark(rules: RecordRules): Cutter {
  const { mark, end } = marks(rules);
  return (buffer, isLast) => {
    if (isLast) return [];
    // An empty mark is between any two bytes.
    const last = mark.length === 0 ? buffer.length : buffer.lastIndexOf(mark);
    return last < 0 ? [] : [last + end.length];
  };
}

function afterMarks(rules: RecordRules, count: number): Cutter {
  const { mark, end } = marks(rules);
  return function* (buffer) {
    for (let start = 0; start < buffer.length;) {
      let at = start;
      if (mark.length === 0) at = Math.min(start + count, buffer.length);
      // What a block starts with does not end a record.
      else for (let i = 0; i < count && at >= 0; i++) at = buffer.indexOf(mark, at + 1);
      if (at < 0) return;
      yield at + end.length - start;
      start = at + end.length;
    }
  };
}

function atLastMatch(rules: RecordRules): Cutter {
  const { start, end } = patterns(rules);
  const upToLast = new RegExp(`^([^]*${end})${start}`, "m");
  return (buffer, isLast) =>
    isLast ? [] : [upToLast.exec(buffer.toString("latin1"))?.[1]?.length ?? 0];
}

function afterMatches(rules: RecordRules, count: number): Cutter {
  const { start, end } = patterns(rules);
  const inside = `(?:(?!${end}${start})[^])*?`;
  const records = new RegExp(`^((?:${start}${inside}${end}){${count}})(?=${start})`, "m");
  const startsWithRecord = new RegExp(`^${start}`);
  const beforeRecord = new RegExp(`^(${inside}${end})(?=${start})`, "m");
  let isFirst = true;
  return function* (buffer) {
    let text = buffer.toString("latin1");
    // What comes before the first start is a block of its own.
    let pattern = isFirst && !startsWithRecord.test(text) ? beforeRecord : records;
    isFirst = false;
    for (;;) {
      const length = pattern.exec(text)?.[1]?.length ?? 0;
      if (length === 0 && pattern === records) return;
      if (length > 0) yield length;
      text = text.slice(length);
      pattern = records;
    }
  };
}

/** Makes the function that removes the separators between, before and after the records of a block. */
export function separatorRemover(rules: RecordRules): (block: Buffer) => Buffer {
  const { start, end } = rules.regexp ? patterns(rules) : literals(rules);
  const between = new RegExp(end + start, "gm");
  const first = new RegExp(`^${start}`);
  // The end may stand before a last newline.
  const last = new RegExp(`${end}(?=\\n?(?![^]))`);
  return (block) => {
    const text = block.toString("latin1");
    return Buffer.from(text.replace(between, "").replace(first, "").replace(last, ""), "latin1");
  };
}

function patterns({ recordStart = "", recordEnd = "" }: RecordRules): {
  start: string;
  end: string;
} {
  const anyByte = recordStart === "" && recordEnd === "" ? "[^]" : recordEnd;
  return { start: `(?:${bytesOf(recordStart)})`, end: `(?:${bytesOf(anyByte)})` };
}

function literals({ recordStart = "", recordEnd = "" }: RecordRules) {
  return { start: escaped(bytesOf(recordStart)), end: escaped(bytesOf(recordEnd)) };
}

/** Text whose characters are the bytes of the given one in UTF-8. */
export function bytesOf(text: string): string {
  return Buffer.from(text).toString("latin1");
}

function escaped(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&");
}
