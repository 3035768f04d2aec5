/**
 * The fault sweep (docs/internals/fault-sweep.md): it plays every path, and makes every call of it fail in every way.
 *
 *   npm run test:faults                                     all
 *   npm run test:faults -- webhook retry                    these scenarios
 *   npm run test:faults -- webhook/ingress.SendMessage.raw.1/killed   one run
 *   npm run test:faults -- --sample --seed 7 [--size 100]   a sample, drawn by the seed
 *   npm run test:faults -- --list webhook                   the names of the runs
 *   npm run test:faults -- --break skip-claim               the path that catches it, on a broken build
 */
/* oxlint-disable no-console -- it is a command line */
import { rm } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { synthesizeLocalAssembly } from '../../lib/local/synthesize.ts';
import { breaks, synthesizeBroken } from './breaks.ts';
import { drawSample } from './draw-sample.ts';
import { describeResult, summarize } from './report.ts';
import { scenarios } from './scenarios.ts';
import { parseRunName, type RunResult, runNamesOf } from './sweep.ts';
import { startSweepPool } from './sweep-pool.ts';

/** Runs in a sample: as many as CI has time for. */
const defaultSampleSize = 100;
/** Above 1, because a run mostly waits: for a client's retry or a function's cold start. */
const enginesPerCore = 1.5;
/** Share of runs in which the call may be missing. */
const mostNotStruck = 0.01;
/** Violations that suffice to show that the sweep catches a broken build. */
const enough = 3;
const root = resolve(import.meta.dirname, '../..');

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    sample: { type: 'boolean', default: false },
    seed: { type: 'string' },
    size: { type: 'string', default: String(defaultSampleSize) },
    list: { type: 'boolean', default: false },
    break: { type: 'string' },
  },
});
const broken = values.break === undefined ? undefined : breaks[values.break];
const paths = broken === undefined ? Object.keys(scenarios) : [broken.scenario];
const asked = positionals.length === 0 ? paths : positionals;
for (const name of asked) parseRunName(name);
const startedMs = performance.now();
const folder = resolve(root, '.cache', `faults-${process.pid}`);
try {
  const assembly =
    values.break === undefined ? await synthesizeLocalAssembly(folder) : await synthesizeBroken(values.break, folder);
  const single = asked.filter((name) => name.includes('/'));
  const engines = single.length === 1 ? 1 : Math.ceil(availableParallelism() * enginesPerCore);
  const pool = await startSweepPool(assembly, engines);
  try {
    process.exitCode = await sweep(pool, single);
  } finally {
    await pool.stop();
  }
} finally {
  await rm(folder, { recursive: true, force: true });
}

async function sweep(pool: Awaited<ReturnType<typeof startSweepPool>>, single: readonly string[]): Promise<number> {
  const whole = asked.filter((name) => !name.includes('/'));
  const counted = await pool.playAll(whole, tell);
  const planned = [...counted.flatMap(({ name, calls }) => runNamesOf(name, calls)), ...single];
  if (values.list) {
    console.log(planned.join('\n'));
    return 0;
  }
  const seed = Number(values.seed ?? Math.floor(Date.now() / 86_400_000));
  const names = values.sample ? drawSample(planned, Number(values.size), seed) : planned;
  if (values.sample) console.log(`sample of ${names.length} of ${planned.length} runs, seed ${seed}`);
  let violated = 0;
  const teller = createTeller(names);
  const results = await pool.playAll(names, (result) => {
    teller(result);
    violated += result.violations.length > 0 ? 1 : 0;
    return broken !== undefined && violated >= enough ? 'enough' : undefined;
  });
  const calls = counted.reduce((sum, one) => sum + one.calls.length, 0);
  const summary = summarize([...counted, ...results]);
  console.log(
    `${whole.length} paths, ${calls} calls, ${results.length} runs with a fault: ${summary.violated} with violations, ` +
      `${summary.notStruck} in which the call was not made, ${Math.round((performance.now() - startedMs) / 1000)} s`,
  );
  if (broken !== undefined) {
    console.log(summary.violated > 0 ? 'the broken build was caught' : 'the broken build was NOT caught');
    return summary.violated > 0 ? 0 : 1;
  }
  // Some calls are made only when functions interleave in a certain way. If many are missing, the sweep tests nothing.
  return summary.violated === 0 && summary.notStruck <= results.length * mostNotStruck ? 0 : 1;
}

/** Prints each violation at once, and each path when it is done. */
function createTeller(names: readonly string[]): (result: RunResult) => void {
  const left = new Map([...Map.groupBy(names, scenarioOf)].map(([scenario, runs]) => [scenario, runs.length]));
  const done: RunResult[] = [];
  return (result) => {
    tell(result);
    done.push(result);
    const scenario = scenarioOf(result.name);
    const rest = (left.get(scenario) ?? 0) - 1;
    left.set(scenario, rest);
    if (rest > 0) return;
    const own = done.filter(({ name }) => scenarioOf(name) === scenario);
    const { violated, notStruck } = summarize(own);
    const seconds = own.reduce((sum, { durationMs }) => sum + durationMs, 0) / 1000;
    console.log(
      `${scenario}: ${own.length} runs, ${violated} with violations, ${notStruck} without the call, ${Math.round((seconds / own.length) * 1000)} ms each`,
    );
  };
}

function scenarioOf(name: string): string {
  return parseRunName(name).scenario;
}

function tell(result: RunResult): void {
  const text = describeResult(result);
  if (text !== undefined) console.log(text);
}
