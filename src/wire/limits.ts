// Every limit of the wire and of the roles, in one place. What a peer sends beyond one of these is
// refused with an error that names the limit; what is a habit and not a limit lives with its user.

export const limits = {
  /** Characters of a task's key, or of a client's, worker's or scheduler's id. */
  keyLength: 256,
  /** Characters of the name of a function, a worker, a host or a resource. */
  nameLength: 256,
  /** Characters of words meant for people: reasons, messages, progress texts. */
  textLength: 64 * 1024,
  /** Tasks in one message. */
  columnLength: 10_000,
  /** Characters of an address where results are fetched. */
  addressLength: 512,
  /** Holders that are named for one result; there may be more. */
  holders: 16,
  /** Futures inside the arguments of one task. */
  inputs: 1_000_000,
  /** Functions registered by one worker. */
  functions: 10_000,
  /** Tasks one worker may run at once. */
  slots: 65_536,
  priorityMagnitude: 1_000_000_000,
  /** Bytes of one frame on the wire, and so of one argument list or result. */
  frameBytes: 256 * 1024 * 1024,
  /** Bytes of one result or scattered value, which need not fit into a frame. */
  valueBytes: 64 * 1024 * 1024 * 1024,
  /** Depth of nesting inside one user value. */
  payloadDepth: 500,
  /** Bytes of a hello or a welcome, the only messages read before a peer is known. */
  helloBytes: 4 * 1024 * 1024,
} as const;
