// The sources of the inputs: values of the command line, files, and standard input.

import { open, type FileHandle } from "node:fs/promises";
import { UsageError } from "../../exit-code.ts";
import { headerNames, rowSplitter, type Columns, type Trim } from "./columns.ts";
import { collect, combinations, linkedRows } from "./combine.ts";
import type { Row } from "../jobs/job.ts";
import { RecordReader, splitBytes, splitValues, type RecordRules } from "./records.ts";

/** A source as the command line names it; `-` is the path of standard input. */
export type Source = ({ values: readonly string[] } | { path: string }) & { linked: boolean };

export type InputRules = RecordRules & {
  columns: Columns | undefined;
  trim: Trim;
  /** The first record of each source has the names of its columns. */
  header: boolean;
  /** The sources are linked one to one instead of combined. */
  link: boolean;
  shuffle: boolean;
};

export type Inputs = {
  /** One row for each combination; it can be read once. */
  rows: AsyncIterable<Row>;
  /** The names of the columns, from the headers. */
  names: readonly string[];
  close(): Promise<void>;
};

/**
 * Opens all sources and reads their headers.
 *
 * @throws {UsageError} when a file cannot be opened; nothing has been read then
 */
export async function openInputs(
  sources: readonly Source[],
  rules: InputRules,
  standardInput: AsyncIterable<Uint8Array>,
): Promise<Inputs> {
  const files: FileHandle[] = [];
  const close = async () => void (await Promise.all(files.map((file) => file.close())));
  let stdin: RecordReader | undefined;
  const readerOf = async (source: Source): Promise<RecordReader> => {
    if ("values" in source) {
      return new RecordReader([splitValues(source.values, rules.delimiter)], rules);
    }
    const read = (bytes: AsyncIterable<Uint8Array>, name: string) =>
      new RecordReader(splitBytes(bytes, rules.delimiter, name), rules);
    // Sources that name standard input twice take its records in turn.
    if (source.path === "-") return (stdin ??= read(standardInput, "standard input"));
    const file = await openFile(source.path);
    files.push(file);
    return read(file.createReadStream({ autoClose: false }), source.path);
  };

  try {
    const split = rowSplitter(rules.columns, rules.trim);
    const inputs = [];
    for (const source of sources) {
      inputs.push({ reader: await readerOf(source), split, linked: source.linked });
    }
    const names: string[] = [];
    if (rules.header) {
      for (const { reader } of inputs) {
        names.push(...headerNames((await reader.header()) ?? "", rules.columns));
      }
    }
    const ordered = rules.link ? linkedRows(inputs) : combinations(inputs);
    return { rows: rules.shuffle ? shuffled(ordered) : ordered, names, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** All rows in a random order. They are held in memory. */
export async function* shuffled(
  rows: AsyncIterable<Row>,
  random: () => number = Math.random,
): AsyncGenerator<Row> {
  const all = await collect(rows);
  for (let left = all.length; left > 0; left--) {
    const chosen = Math.floor(random() * left);
    yield all[chosen]!;
    all[chosen] = all[left - 1]!;
  }
}

async function openFile(path: string): Promise<FileHandle> {
  let file: FileHandle | undefined;
  try {
    file = await open(path);
    if (!(await file.stat()).isDirectory()) return file;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    await file?.close();
    const why = code === "ENOENT" ? "there is no such file" : message;
    throw new UsageError(`cannot open the input file "${path}": ${why}`);
  }
  await file.close();
  throw new UsageError(`cannot open the input file "${path}": it is a directory`);
}
