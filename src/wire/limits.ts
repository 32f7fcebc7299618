// Every limit of the wire and of the roles. A message that exceeds a limit is refused with an error
// that names the limit. Constants that are not limits stand in the files that use them.

export const limits = {
  /** Characters of the key of a task, or of the id of a client, worker or scheduler. */
  keyLength: 256,
  /** Characters of the name of a function, a worker, a host, a resource or a tag. */
  nameLength: 256,
  /** Characters of a text for people: a reason, a message, a progress text. */
  textLength: 64 * 1024,
  /** Tasks in one message. */
  columnLength: 10_000,
  /** Characters of an address from which results are fetched. */
  addressLength: 512,
  /** Holders listed for one result, which may have more. */
  holders: 16,
  /** Futures inside the arguments of the tasks of one message. */
  inputs: 1_000_000,
  /** Tags of one worker, and those that one task asks for. */
  tags: 256,
  /** Resources of one worker, and those that one task asks for. */
  resources: 256,
  /** Starts of tasks that one rate limit remembers, and how long it does, in milliseconds. */
  rateCount: 10_000,
  ratePeriodMs: 31 * 24 * 3_600_000,
  /** Functions that one worker registers. */
  functions: 10_000,
  /** Milliseconds between the moments of a schedule; the longest is a hundred years. */
  shortestIntervalMs: 100,
  longestIntervalMs: 100 * 365 * 24 * 3_600_000,
  /** Tasks that one worker runs at once. */
  slots: 65_536,
  priorityMagnitude: 1_000_000_000,
  /** Milliseconds that a task is kept after it settled: ten years. */
  keepMs: 10 * 365 * 24 * 3_600_000,
  /** Bytes of one frame on the wire, and so of one argument list. */
  frameBytes: 256 * 1024 * 1024,
  /** Characters of a frame with more than one message, so that it has thousands of them and not millions. */
  sharedFrameLength: 512 * 1024,
  /** Values in one frame that a scheduler reads, outside of strings; objects and lists count twice. */
  frameValues: 1_200_000,
  /** Bytes of one result or scattered value, which may be larger than a frame. */
  valueBytes: 64 * 1024 * 1024 * 1024,
  /** Bytes of output of one task that its client has not taken yet, before the task waits. */
  outputWindowBytes: 256 * 1024,
  /** Bytes of one value that a task puts out. */
  outputBytes: 16 * 1024 * 1024,
  /** Levels of nesting inside one user value. */
  payloadDepth: 500,
  /** Characters of a challenge or a proof, the only messages read from a stranger; and bytes until then. */
  proofCharacters: 1024,
  strangerBytes: 128 * 1024,
  /** Bytes of a hello or a welcome, the first messages after the proofs. */
  helloBytes: 4 * 1024 * 1024,
} as const;
