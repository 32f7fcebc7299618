// How many bytes a function allocates, garbage included, by V8's sampling heap profiler: about the
// same on every machine, and however busy that is.

import { Session, type HeapProfiler } from "node:inspector/promises";

/** Bytes between two samples, on average: enough of them for a hundredth in some ten megabytes. */
const samplingInterval = 4_096;

/**
 * Of all calls of a function while `run` runs, with what they call.
 *
 * @param functionName as it is called in the source
 * @param file how the path of that source ends
 */
export async function bytesAllocatedIn(
  functionName: string,
  file: string,
  run: () => void,
): Promise<number> {
  const session = new Session();
  session.connect();
  try {
    await session.post("HeapProfiler.startSampling", {
      samplingInterval,
      includeObjectsCollectedByMajorGC: true,
      includeObjectsCollectedByMinorGC: true,
    });
    run();
    const { profile } = await session.post("HeapProfiler.stopSampling");
    let bytes = 0;
    const look: [node: HeapProfiler.SamplingHeapProfileNode, isInside: boolean][] = [
      [profile.head, false],
    ];
    for (let next = look.pop(); next !== undefined; next = look.pop()) {
      const [{ callFrame, selfSize, children }, wasInside] = next;
      const isIt = callFrame.functionName === functionName && callFrame.url.endsWith(file);
      const isInside = wasInside || isIt;
      if (isInside) bytes += selfSize;
      for (const child of children) look.push([child, isInside]);
    }
    return bytes;
  } finally {
    session.disconnect();
  }
}
