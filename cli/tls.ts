// The options of TLS, and the certificates that they name.

import { Option, type Command } from "commander";
import { readCredentials } from "../src/meeting/site-certificate.ts";
import { tlsModes, type Tls } from "../src/meeting/tls.ts";
import { messageOf, UsageError } from "./exit-code.ts";

export type TlsOptions = { tls?: "on" | "off"; tlsCert?: string; tlsKey?: string };

/** Adds the options of a command that listens. */
export function withTlsOptions(command: Command): Command {
  return command
    .addOption(
      new Option(
        "--tls <whether>",
        "encrypt connections to this process (default: on, except on loopback)",
      ).choices(tlsModes),
    )
    .option("--tls-cert <file>", "certificate of your site, PEM; default: one made at the start")
    .option("--tls-key <file>", "its key");
}

/** Help for the option `--tls-ca` of everything that connects. */
export const tlsCaHelp =
  "authority of your site that vouches for an address without a fingerprint; else $THENCE_TLS_CA";

/** Undefined: as the address that is listened on has it. */
export async function tlsOf({ tls, tlsCert, tlsKey }: TlsOptions): Promise<Tls | undefined> {
  if (tlsCert === undefined && tlsKey === undefined) return tls;
  if (tlsCert === undefined || tlsKey === undefined) {
    throw new UsageError("give both --tls-cert and --tls-key, or neither");
  }
  if (tls === "off") throw new UsageError("--tls off needs no --tls-cert");
  try {
    return await readCredentials(tlsCert, tlsKey);
  } catch (error) {
    throw new UsageError(messageOf(error));
  }
}
