/** Code to measure, called repeatedly. It throws when it does not do its work. */
export type Contender = () => unknown;

/** Long enough to compile the code and fill its inline caches before the measurement. */
const warmUpMs = 800;
/** Long enough that the clock's own cost does not matter, short enough that a slow moment affects all contenders. */
const turnMs = 15;
/** Odd, so that there is a median. */
const rounds = 41;

/**
 * The time of each contender, in microseconds per run: the median over rounds in which all of them take turns, so that
 * a busy machine affects all of them.
 */
export async function measureInterleaved(contenders: readonly Contender[]): Promise<readonly number[]> {
  const entrants: { contend: Contender; runs: number; turnsUs: number[] }[] = [];
  for (const contend of contenders) entrants.push({ contend, runs: await warmUp(contend), turnsUs: [] });
  for (let round = 0; round < rounds; round += 1)
    for (const { contend, runs, turnsUs } of entrants) turnsUs.push(await averageUs(contend, runs));
  return entrants.map(({ turnsUs }) => turnsUs.toSorted((one, other) => one - other)[rounds >> 1] ?? Number.NaN);
}

/** Warm a contender up. @returns How many of its runs fill a turn. */
async function warmUp(contend: Contender): Promise<number> {
  // The first half is slower, and would make the turns too short.
  await runFor(contend, warmUpMs / 2);
  const runs = await runFor(contend, warmUpMs / 2);
  return Math.max(1, Math.round((runs * turnMs * 2) / warmUpMs));
}

async function runFor(contend: Contender, durationMs: number): Promise<number> {
  const endMs = performance.now() + durationMs;
  let runs = 0;
  for (; performance.now() < endMs; runs += 1) await contend();
  return runs;
}

async function averageUs(contend: Contender, runs: number): Promise<number> {
  const startNs = process.hrtime.bigint();
  // Await even a plain value, so that all contenders pay for it.
  for (let run = 0; run < runs; run += 1) await contend();
  return Number(process.hrtime.bigint() - startNs) / 1000 / runs;
}
