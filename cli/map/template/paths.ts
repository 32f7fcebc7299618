// What the replacement strings for file names cut from a value: folders and extensions. Values with
// newlines are cut where GNU Parallel cuts them: "." in its expressions stops at a newline.

/** The value without its folder: `{/}`. */
export function basename(value: string): string {
  const slash = value.indexOf("/");
  if (slash === -1) return value;
  // The folder ends at the last slash of the first line that has one.
  const start = value.lastIndexOf("\n", slash) + 1;
  const newline = value.indexOf("\n", slash);
  const end = value.lastIndexOf("/", newline === -1 ? undefined : newline);
  return value.slice(0, start) + value.slice(end + 1);
}

/** The folder of a path: `{//}`. A path without one is in ".", and "/" is its own folder. */
export function dirname(value: string): string {
  const folder = withoutSlashes(value.slice(0, value.lastIndexOf("/") + 1));
  if (!value.endsWith("/")) return folder === "" ? "." : folder;
  const parent = withoutSlashes(folder.slice(0, folder.lastIndexOf("/") + 1));
  return parent === "" ? "." : parent;
}

/** Removes slashes at the end, and leaves the first character. */
function withoutSlashes(folder: string): string {
  let end = folder.length;
  while (end > 1 && folder[end - 1] === "/") end--;
  return folder.slice(0, end);
}

/** The value without its last extension: `{.}`. Folders keep their dots. */
export function withoutExtension(value: string): string {
  const dot = value.lastIndexOf(".");
  return dot > value.lastIndexOf("/") ? value.slice(0, dot) : value;
}
