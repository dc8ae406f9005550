import { GCProfiler, type GCProfilerResult } from 'node:v8';
import { conduct, stageAndReport } from './workloads.js';

/** Bytes in the heap, and in buffers beside it. */
function held(): number {
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

type Statistics = GCProfilerResult['statistics'][number]['beforeGC']['heapStatistics'];

const heldIn = ({ usedHeapSize, externalMemory }: Statistics) => usedHeapSize + externalMemory;

/**
 * Counts the bytes that a task allocates: how much more is held after it, and what collections took away meanwhile.
 *
 * @param small the same task with little to do, so that what is compiled and made only once is no cost of the task
 */
async function bytesOf(task: () => Promise<void>, small: () => Promise<void>): Promise<number> {
  await small();
  const profiler = new GCProfiler();
  profiler.start();
  const before = held();
  await task();
  const after = held();
  const { statistics } = profiler.stop();
  const collected = statistics.map(
    ({ beforeGC, afterGC }) => heldIn(beforeGC.heapStatistics) - heldIn(afterGC.heapStatistics),
  );
  return collected.reduce((sum, bytes) => sum + bytes, after - before);
}

const EVENTS_PER_STEP = 3;

const staging = await bytesOf(
  () => stageAndReport(2001),
  () => stageAndReport(51),
);
const events = await bytesOf(
  () => conduct(1000),
  () => conduct(50),
);
console.log(JSON.stringify({ staging, events: Math.round(events / EVENTS_PER_STEP) }));
