// The dependency rule: src ← {scheduler, worker, client} ← cluster ← cli. The roles never import each
// other, the core imports only itself and types, and browser-safe files import nothing of Node.

import { describe, expect, test } from "vitest";
import { productFolders, sourcesUnder, type Import, type Source } from "./sources.ts";

/** The folders that the files of a folder may import, besides packages and `node:`. */
const allowed: Record<(typeof productFolders)[number], readonly string[]> = {
  src: ["src"],
  scheduler: ["src", "scheduler"],
  worker: ["src", "worker"],
  client: ["src", "client"],
  cluster: ["src", "scheduler", "worker", "client", "cluster"],
  cli: [...productFolders],
};

/** The public API is in src/ and exports from the folders above it. */
const publicFace = "src/index.ts";
const allowedForPublicFace = ["src", "client", "cluster"];

/** The public API inside a task: it knows the client only by its types. */
const insideFace = "worker/index.ts";

/** The public API of clusters on batch systems. */
const clusterFace = "cluster/index.ts";

/**
 * The files of src/ and client/ that need Node, and the reason. All other files there must run in a
 * browser, so they import neither `node:` nor one of these.
 */
const nodeOnly: Record<string, string> = {
  "src/cgroup-limit.ts": "files of the system",
  "src/old-space.ts": "the heap of Node",
  "src/heap-watch.ts": "the heap of Node",
  "src/compile-cache.ts": "the module cache of Node",
  "client/client.ts": "the way to connect",
  "client/connecting.ts": "the name of this machine, the scheduler file",
  "client/held-output.ts": "the streams of a terminal",
  "client/terminal-bars.ts": "the package cli-progress, and standard error",
  "src/meeting/address.ts": "network interfaces",
  "src/meeting/certificate.ts": "keys, and the names of this machine",
  "src/meeting/site-certificate.ts": "files and keys",
  "src/meeting/door.ts": "requests, and digests of tokens",
  "src/meeting/tls-server.ts": "an HTTPS server",
  "src/meeting/upgrade-server.ts": "an HTTP server",
  "src/make-folder.ts": "folders",
  "src/log.ts": "writes to the process's streams",
  "src/standard-streams.ts": "writes to the process's streams",
  "src/index.ts": "the public face for Node",
  "src/meeting/exposure.ts": "the permissions of a file",
  "src/meeting/scheduler-file.ts": "a file",
  "src/link/socket-ws.ts": "the package ws",
  "src/link/trust.ts": "TLS",
  "src/meeting/tls.ts": "keys",
  "src/meeting/target.ts": "the scheduler file and the environment",
  "src/meeting/token.ts": "a file, and randomness for secrets",
  "src/version.ts": "reads package.json",
};

/** Files of src/ that the core may import at run time; at run time they import nothing. */
const pure = [
  "src/built-in.ts",
  "src/errors/brief-failure.ts",
  "src/key-table.ts",
  "src/payload/binary-payload.ts",
  "src/payload/same-payload.ts",
  "src/duration.ts",
  "src/size.ts",
  "src/wire/limits.ts",
  "src/wire/rights.ts",
];

/** Node's half of an interface that a browser fills by itself, so portable files may import it. */
const seams = ["src/link/socket-ws.ts", "client/terminal-bars.ts"];

/** Packages that need Node. */
const nodePackages = ["ws", "commander", "cli-progress"];

const sources = sourcesUnder(...productFolders);
const folderOf = (file: string): string => file.slice(0, file.indexOf("/"));

/** The imports that break a rule, as one line each. */
function offences(files: readonly Source[], breaks: (what: Import) => boolean): string[] {
  return files.flatMap(({ file, imports }) =>
    imports.filter(breaks).map(({ specifier }) => `${file} imports ${specifier}`),
  );
}

describe("layers", () => {
  test.each(productFolders)("%s imports only what is below it", (folder) => {
    const files = sources.filter(({ file }) => folderOf(file) === folder && file !== publicFace);
    const below = allowed[folder];
    const rest = files.filter(({ file }) => file !== insideFace);
    expect(
      offences(rest, ({ file }) => file !== undefined && !below.includes(folderOf(file))),
    ).toEqual([]);
  });

  test("the public face shows the client and what starts a cluster, and no role's inside", () => {
    const face = sources.filter(({ file }) => file === publicFace);
    expect(face).toHaveLength(1);
    expect(
      offences(
        face,
        ({ file }) => file !== undefined && !allowedForPublicFace.includes(folderOf(file)),
      ),
    ).toEqual([]);
  });

  test("the public face inside a task knows the client by its types, and nothing else of other roles", () => {
    const face = sources.filter(({ file }) => file === insideFace);
    expect(face).toHaveLength(1);
    expect(
      offences(face, ({ file, typeOnly }) => {
        if (file === undefined || ["src", "worker"].includes(folderOf(file))) return false;
        return !(typeOnly && folderOf(file) === "client");
      }),
    ).toEqual([]);
  });

  test("nothing inside imports the public faces", () => {
    const faces: readonly (string | undefined)[] = [publicFace, insideFace, clusterFace];
    const inside = sources.filter(({ file }) => !faces.includes(file));
    expect(offences(inside, ({ file }) => file !== undefined && faces.includes(file))).toEqual([]);
  });

  test("the scheduler's core imports itself, types from src, and what imports nothing", () => {
    const core = sources.filter(({ file }) => file.startsWith("scheduler/core/"));
    expect(core.length).toBeGreaterThan(0);
    expect(
      offences(core, ({ file, typeOnly }) => {
        if (file === undefined) return true;
        if (file.startsWith("scheduler/core/") || pure.includes(file)) return false;
        return !(typeOnly && file.startsWith("src/"));
      }),
    ).toEqual([]);
    const plain = sources.filter(({ file }) => pure.includes(file));
    expect(plain).toHaveLength(pure.length);
    expect(offences(plain, ({ typeOnly }) => !typeOnly)).toEqual([]);
  });

  test("what a browser could run imports nothing of Node", () => {
    const portable = sources.filter(
      ({ file }) => /^(src|client)\//.test(file) && !(file in nodeOnly),
    );
    expect(
      offences(portable, ({ specifier, file, typeOnly }) => {
        if (typeOnly) return false;
        if (file !== undefined) return file in nodeOnly && !seams.includes(file);
        return specifier.startsWith("node:") || nodePackages.includes(specifier);
      }),
    ).toEqual([]);
  });

  test("the list of files that need Node names no file that is gone", () => {
    const files = sources.map(({ file }) => file);
    expect(Object.keys(nodeOnly).filter((file) => !files.includes(file))).toEqual([]);
  });
});
