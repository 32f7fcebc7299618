// Imported first by the public faces: on a Node that is too old the import fails in words, as the command
// line does (cli/launch.js), and not later somewhere inside.

const [major = 0, minor = 0] = versionOfNode().split(".").map(Number);
if (major < 22 || (major === 22 && minor < 18)) {
  throw new Error(`thence needs Node 22.18 or newer; this is v${versionOfNode()}`);
}

/** Browsers and other platforms are not judged. */
function versionOfNode(): string {
  const { process } = globalThis as { process?: { versions?: { node?: string } } };
  return process?.versions?.node ?? "999.0";
}

export {};
