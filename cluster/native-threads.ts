// The threads that libraries of native code start by themselves, in tasks and in programs that tasks start: by
// default one for each core of the machine, in each task.

/** The variables of OpenMP, OpenBLAS, MKL, BLIS, Accelerate, NumExpr and Rayon. */
const variables = [
  "OMP_NUM_THREADS",
  "OPENBLAS_NUM_THREADS",
  "MKL_NUM_THREADS",
  "BLIS_NUM_THREADS",
  "VECLIB_MAXIMUM_THREADS",
  "NUMEXPR_NUM_THREADS",
  "RAYON_NUM_THREADS",
] as const;

/**
 * Has each of a worker's threads use its part of the cores. What the user has set stays. A number for OpenMP
 * is then that of the others too, since most of these libraries go by it.
 */
export function limitNativeThreads(
  environment: Record<string, string | undefined>,
  { cores, threads }: { cores: number; threads: number },
): void {
  const [chosen] = environment["OMP_NUM_THREADS"]?.split(",") ?? [];
  const number = chosen ?? String(Math.max(1, Math.floor(cores / threads)));
  for (const variable of variables) environment[variable] ??= number;
}
