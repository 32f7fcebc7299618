// Commands that need no shell: a program and its arguments, with no more than quotes. To start a shell
// costs more than to start most programs.

import { accessSync, constants, statSync } from "node:fs";
import { basename, delimiter, join } from "node:path";

/** Shells that read no file of the user's before a command, unless the environment names one. */
const simpleShells = new Set(["ash", "bash", "dash", "sh"]);

/**
 * Commands of shells, of which there may be programs too. `true` and `false` are not among them, as they
 * do the same; `env` and `printenv` are, as they show variables that only a shell sets.
 */
const shellCommands = new Set(
  (
    "[ alias bg bind break builtin caller case cd chdir command compgen complete compopt continue " +
    "coproc declare dirs disown do done echo elif else enable env esac eval exec exit export fc fg fi " +
    "for function getopts hash help history if in jobs kill let local logout mapfile popd printenv " +
    "printf pushd pwd read readarray readonly return select set shift shopt source suspend test then " +
    "time times trap type typeset ulimit umask unalias unset until wait while"
  ).split(" "),
);

/** A word of characters that mean themselves, or quoted by single quotes. */
const word = /(?:[\w./,:+@%=-]+|'[^']*')+/y;

/** Makes the function that tells the words of a command; undefined for those that need the shell. */
export function plainCommands(shell: string): (command: string) => string[] | undefined {
  const { env } = process;
  const isSimple = simpleShells.has(basename(shell)) && !env["BASH_ENV"] && !env["ENV"];
  if (!isSimple) return () => undefined;
  const programs = new Map<string, boolean>();
  return (command) => {
    const words = plainWords(command);
    const [name] = words ?? [];
    if (name === undefined) return undefined;
    let known = programs.get(name);
    if (known === undefined) programs.set(name, (known = isProgram(name)));
    return known ? words : undefined;
  };
}

function plainWords(command: string): string[] | undefined {
  const words: string[] = [];
  for (let at = 0; at < command.length;) {
    if (command[at] === " ") {
      at++;
      continue;
    }
    word.lastIndex = at;
    const [text] = word.exec(command) ?? [];
    if (text === undefined) return undefined;
    at += text.length;
    words.push(text.includes("'") ? text.replaceAll("'", "") : text);
  }
  return words;
}

/** Whether a shell would start a program of this name, and nothing of its own. */
function isProgram(name: string): boolean {
  if (shellCommands.has(name) || name.includes("=") || name.startsWith("%")) return false;
  if (process.env[`BASH_FUNC_${name}%%`] !== undefined) return false;
  if (name.includes("/")) return name.startsWith("/") && isExecutable(name);
  const folders = process.env["PATH"]?.split(delimiter) ?? [];
  return folders.some((folder) => folder.startsWith("/") && isExecutable(join(folder, name)));
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
