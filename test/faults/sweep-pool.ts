import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { RunName, RunResult } from './sweep.ts';

/** Engines that share the runs of a sweep, each in its own process. */
export interface SweepPool {
  /**
   * Play runs, one per engine at a time.
   *
   * @param onResult - Called with each result; may return `enough` to stop early.
   * @returns The results, in the order of the names.
   */
  playAll(
    names: readonly RunName[],
    onResult?: (result: RunResult) => 'enough' | undefined | void,
  ): Promise<readonly RunResult[]>;
  stop(): Promise<void>;
}

type FromEngine = { readonly ready: true } | { readonly result: RunResult };

export async function startSweepPool(
  assembly: { readonly assemblyDir: string; readonly stackName: string },
  size: number,
): Promise<SweepPool> {
  const engines = await Promise.all(
    Array.from({ length: size }, async () => {
      const child = fork(
        fileURLToPath(new URL('./sweep.fork.ts', import.meta.url)),
        [assembly.assemblyDir, assembly.stackName],
        { execArgv: ['--disable-warning=ExperimentalWarning'] },
      );
      await answerOf(child);
      return child;
    }),
  );
  return {
    async playAll(names, onResult) {
      const results: RunResult[] = [];
      const left = [...names.entries()];
      await Promise.all(
        engines.map(async (engine) => {
          for (let next = left.shift(); next !== undefined; next = left.shift()) {
            const [index, run] = next;
            const answer = answerOf(engine);
            engine.send({ run });
            const { result } = (await answer) as Extract<FromEngine, { result: unknown }>;
            results[index] = result;
            if (onResult?.(result) === 'enough') left.length = 0;
          }
        }),
      );
      return results.filter((result) => result !== undefined);
    },
    async stop() {
      await Promise.all(
        engines.map(async (engine) => {
          const gone = new Promise((resolve) => engine.once('exit', resolve));
          engine.send({ stop: true });
          await gone;
        }),
      );
    },
  };
}

function answerOf(child: ChildProcess): Promise<FromEngine> {
  return new Promise((resolve, reject) => {
    const ended = (code: number | null) => reject(new Error(`an engine of the sweep ended with ${code}`));
    child.once('exit', ended);
    child.once('message', (message) => {
      child.off('exit', ended);
      resolve(message as FromEngine);
    });
  });
}
