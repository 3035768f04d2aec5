import { Worker } from 'node:worker_threads';
import { createPrograms, type ProgramName } from '../engine/programs/programs.ts';

/*
 * What the process that evaluates expressions runs (`adapters/node/expression-process.ts`): a job a line comes in, a
 * result a line goes out, in their order. The process is killed when a job takes too long, so that the bound of JSONata's
 * own, which goes by the wall clock, stands far behind that.
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
// Ends the process when the function that started it is gone, also in the middle of a loop without end: a thread waits
// until the other end of descriptor 3 is closed.
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
