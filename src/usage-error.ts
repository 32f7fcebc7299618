// Wrong usage: a start that fails for what it was given, and that another attempt would not mend.

export class UsageError extends Error {}
