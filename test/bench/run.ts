/**
 * Measure what the engine costs: `npm run bench`. A table, or with `--json` the figures of each section
 * as JSON. A budget that is not met is said and does not fail: how fast a machine is, is not ours to say.
 */
import type { Figure, Section } from './section.ts';
import { verificationAndMapping } from './verification-and-mapping.ts';

const sections: readonly Section[] = [verificationAndMapping];

const results: { section: string; figures: readonly Figure[] }[] = [];
for (const { name, run } of sections) results.push({ section: name, figures: await run() });
process.stdout.write(process.argv.includes('--json') ? `${JSON.stringify(results, null, 2)}\n` : toTable(results));

function toTable(measured: typeof results): string {
  const rows = measured.flatMap(({ section, figures }) => [
    [section],
    ...figures.map(({ name, value, unit, budget, met }) => [
      `  ${name}`,
      String(value),
      unit,
      budget === undefined ? '' : `at most ${budget}: ${met === true ? 'met' : 'NOT MET'}`,
    ]),
  ]);
  const widthOf = (column: number) =>
    Math.max(...rows.filter((row) => row.length > 1).map((row) => row[column]?.length ?? 0));
  const [nameWidth, valueWidth, unitWidth] = [widthOf(0), widthOf(1), widthOf(2)];
  return rows
    .map(([name = '', value = '', unit = '', budget = '']) =>
      `${name.padEnd(nameWidth)}  ${value.padStart(valueWidth)} ${unit.padEnd(unitWidth)}  ${budget}`.trimEnd(),
    )
    .map((line) => `${line}\n`)
    .join('');
}
