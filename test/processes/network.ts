// A network of this machine and another one, which is a namespace: it can vanish, so that whatever is sent to
// it is lost and nobody is told.

import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { Program } from "../processes.ts";

const ip = (...args: string[]) => execFileSync("ip", args, { stdio: "pipe" });

export class FarMachine {
  readonly #name: string;
  readonly #net: string;
  #isGone = false;

  /** @throws {Error} where there can be no namespaces */
  constructor(name: string) {
    this.#name = name;
    this.#net = `10.${80 + (process.pid % 100)}.${(process.pid >> 7) % 250}`;
    this.remove();
    const near = `${name}n`;
    ip("netns", "add", name);
    try {
      ip("link", "add", near, "type", "veth", "peer", "name", "far0", "netns", name);
      ip("addr", "add", `${this.near}/24`, "dev", near);
      ip("link", "set", near, "up");
      ip("-n", name, "addr", "add", `${this.far}/24`, "dev", "far0");
      for (const end of ["lo", "far0"]) ip("-n", name, "link", "set", end, "up");
    } catch (error) {
      this.remove();
      throw error;
    }
  }

  /** The address of this machine in the network. */
  get near(): string {
    return `${this.#net}.1`;
  }

  get far(): string {
    return `${this.#net}.2`;
  }

  /** Starts Node there. */
  node(args: readonly string[], env: NodeJS.ProcessEnv = {}): Program {
    const where = ["netns", "exec", this.#name, process.execPath];
    return new Program("ip", [...where, ...args], { env });
  }

  /** What is sent from there is lost from now on; what is sent to it is not answered. */
  vanish(): void {
    this.#isGone = true;
    ip("-n", this.#name, "route", "add", "blackhole", `${this.near}/32`);
  }

  comeBack(): void {
    if (!this.#isGone) return;
    this.#isGone = false;
    ip("-n", this.#name, "route", "del", "blackhole", `${this.near}/32`);
  }

  /** Connections between the two that this side takes to be there. */
  get connections(): number {
    const [a, b, c, d] = this.far.split(".").map(Number) as [number, number, number, number];
    const bytes = [d, c, b, a].map((byte) => byte.toString(16).padStart(2, "0"));
    const there = bytes.join("").toUpperCase();
    const established = new RegExp(`^ *\\d+: \\S+ ${there}:\\S+ 01 `);
    const lines = readFileSync("/proc/net/tcp", "utf8").split("\n");
    return lines.filter((line) => established.test(line)).length;
  }

  remove(): void {
    try {
      ip("netns", "del", this.#name);
    } catch {
      // It is not there.
    }
  }
}

/** Why there can be no other machine, in words; undefined when there can. */
export function whyNoFarMachine(): string | undefined {
  try {
    new FarMachine(`tp${process.pid}`).remove();
    return undefined;
  } catch (error) {
    return (error as Error).message.trim();
  }
}
