import type { InvocationOutcome } from './sandbox.ts';

/** An event that waits for a sandbox. */
export interface Job {
  readonly event: unknown;
  readonly traceHeader: string;
  readonly end: (outcome: InvocationOutcome) => void;
}

export type JobQueue = ReturnType<typeof createJobQueue>;

/** First in, first out. Thousands of jobs may wait, so taking one does not move the others. */
export function createJobQueue() {
  let jobs: (Job | undefined)[] = [];
  let head = 0;
  return {
    add: (job: Job) => void jobs.push(job),
    take(): Job | undefined {
      const job = jobs[head];
      if (job === undefined) return undefined;
      jobs[head++] = undefined;
      if (head === jobs.length) {
        jobs = [];
        head = 0;
      }
      return job;
    },
    size: () => jobs.length - head,
  };
}
