// Signals that the processes of a local cluster ignore, from their first moment. Ctrl-C, the hang-up of
// a terminal and the signals of Slurm reach every process of a job. Only the parent decides how its
// cluster ends. The listener for SIGUSR1 keeps Node's debugger closed, too.

for (const signal of ["SIGINT", "SIGHUP", "SIGUSR1", "SIGUSR2"] as const) {
  process.on(signal, () => undefined);
}
