import { Worker } from 'node:worker_threads';
import { createPrograms, type ProgramName } from '../engine/programs/programs.ts';

/*
 * The process that evaluates expressions (`adapters/node/expression-process.ts` starts it). It reads one job per line
 * and writes one result per line, in the same order. The parent kills the process when a job takes too long, so
 * JSONata's own limit, which counts wall-clock time, is far longer.
 */
const timeoutMs = 60_000;
const programs = createPrograms(timeoutMs) as Readonly<Record<ProgramName, (argument: unknown) => Promise<unknown>>>;

function write(reply: object): void {
  const { user, system } = process.cpuUsage();
  process.stdout.write(`${JSON.stringify({ ...reply, cpuMs: Math.round((user + system) / 1000) })}\n`);
}

async function carryOut(line: string): Promise<void> {
  const { program, argument } = JSON.parse(line) as { program: ProgramName; argument: unknown };
  try {
    write({ result: await programs[program](argument) });
  } catch (error) {
    write({ error: error instanceof Error ? error.message : String(error) });
  }
}

let parts: string[] = [];
let last = Promise.resolve();
process.stdin.setEncoding('utf8');
process.stdin.on('data', (chunk: string) => {
  const [end = '', ...lines] = chunk.split('\n');
  parts.push(end);
  for (const next of lines) {
    const line = parts.join('');
    parts = [next];
    last = last.then(() => carryOut(line));
  }
});
// Ends the process when its parent is gone, even during an endless loop: a thread waits until the parent's end of
// descriptor 3 is closed.
const lifeline = `
  const { readSync } = require('node:fs');
  for (;;) {
    try {
      readSync(3, Buffer.alloc(1));
      break;
    } catch (error) {
      if (error.code !== 'EAGAIN') break;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200);
    }
  }
  process.kill(process.pid, 'SIGKILL');
`;
new Worker(lifeline, { eval: true, resourceLimits: { maxOldGenerationSizeMb: 8, maxYoungGenerationSizeMb: 2 } });
write({ ready: true });
