// The processes that the tasks of a thread have started and that still run, in memory that the main
// thread can read: the thread may be blocked, or gone, when they have to end.

/**
 * The environment variable that marks what a task starts, and all that this starts in turn: the names of
 * worker, thread and attempt, as `worker/thread/attempt`. A process without a parent is known by it too.
 */
export const markVariable = "THENCE_TASK";
/** The fourth part of a mark: ends with its worker or thread, in whatever session it is. */
export const groupMark = "group";

/** Most processes of one thread that are remembered; on Linux the others are known by their mark. */
const capacity = 256;

/** The number of processes ever started, then the ids of those that run; 0 is a free place. */
export type ProcessMemory = Int32Array<SharedArrayBuffer>;

export class ProcessRegistry {
  readonly memory: ProcessMemory;

  /** The main thread makes the memory; the thread is given it. */
  constructor(memory: ProcessMemory = new Int32Array(new SharedArrayBuffer(4 * (1 + capacity)))) {
    this.memory = memory;
  }

  /** Whether the thread has ever started a process. */
  get isUsed(): boolean {
    return Atomics.load(this.memory, 0) > 0;
  }

  /** For the thread: a process is about to start. */
  count(): void {
    Atomics.add(this.memory, 0, 1);
  }

  /** For the thread: remembers a process; a negative id is that of a whole session. */
  add(id: number): void {
    const place = this.memory.indexOf(0, 1);
    if (place !== -1) Atomics.store(this.memory, place, id);
  }

  /** For the thread: the process has ended, or goes its own way. */
  remove(id: number): void {
    const place = this.memory.indexOf(id, 1);
    if (place > 0) Atomics.store(this.memory, place, 0);
  }

  get running(): number[] {
    return [...this.memory.subarray(1)].filter((id) => id !== 0);
  }
}
