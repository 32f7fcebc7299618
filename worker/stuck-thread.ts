// Why a worker leaves that is to be replaced: one of its threads can be ended only with the process.

export class StuckThreadError extends Error {
  constructor(how: string) {
    super(`a thread was terminated, and ${how}: another process takes the place of this one`);
  }
}
