import type { Machine } from './machine.ts';
import type { Figure, SectionResult } from './section.ts';

/** One table of all sections, for people. */
export function toTable(machine: Machine, results: readonly SectionResult[]): string {
  const rows = results.flatMap(({ section, figures }) => [
    [section],
    ...figures.map((figure) => [`  ${figure.name}`, valueOf(figure), figure.unit, remarkOn(figure)]),
  ]);
  const widthOf = (column: number) =>
    Math.max(...rows.filter((row) => row.length > 1).map((row) => row[column]?.length ?? 0));
  const [nameWidth, valueWidth, unitWidth] = [widthOf(0), widthOf(1), widthOf(2)];
  const lines = rows.map(([name = '', value = '', unit = '', remark = '']) =>
    `${name.padEnd(nameWidth)}  ${value.padStart(valueWidth)} ${unit.padEnd(unitWidth)}  ${remark}`.trimEnd(),
  );
  return [...lines, sentenceOf(machine)].map((line) => `${line}\n`).join('');
}

/** The text of BENCHMARKS.md. */
export function toMarkdown(machine: Machine, results: readonly SectionResult[]): string {
  const tables = results.map(({ section, about = [], figures }) =>
    [
      `## ${section}`,
      '',
      ...about.flatMap((paragraph) => [paragraph, '']),
      '| figure | value | unit | |',
      '| --- | ---: | --- | --- |',
      ...figures.map((figure) => `| ${figure.name} | ${valueOf(figure)} | ${figure.unit} | ${remarkOn(figure)} |`),
    ].join('\n'),
  );
  const head = [
    '# Benchmarks',
    '',
    'Written by `npm run bench -- --write`; do not edit it by hand. The code in `test/bench/` documents the measurements and their assumptions.',
    '',
    sentenceOf(machine),
  ].join('\n');
  return `${[head, ...tables].join('\n\n')}\n`;
}

function valueOf({ value }: Figure): string {
  return Number.isNaN(value) ? '–' : String(value);
}

function remarkOn({ budget, bound, met, note }: Figure): string {
  const verdict = budget === undefined ? [] : [`${bound} ${budget}: ${met === true ? 'met' : 'NOT MET'}`];
  return [...verdict, ...(note === undefined ? [] : [note])].join('; ');
}

function sentenceOf({ date, cpu, cores, memoryGb, node, loadAverage, loadAverageAfter }: Machine): string {
  const load = `load average ${loadAverage} before, ${loadAverageAfter ?? loadAverage} after`;
  return `${date}, ${cores} cores (${cpu}), ${memoryGb} GB, Node ${node}, ${load}.`;
}
