/**
 * Measure what the engine costs: `npm run bench`. Prints a table, or with `--json` the figures of each section.
 * `--section <key>`, which may be repeated, runs only those sections; `--write` puts the results into BENCHMARKS.md. A
 * missed budget is reported but does not fail the run, because the speed of the machine is unknown.
 */
import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { awsRequests } from './aws-requests.ts';
import { budgetSummary } from './budget-summary.ts';
import { bundles } from './bundles.ts';
import { evenLoad } from './even-load.ts';
import { fanOut } from './fan-out.ts';
import { growth } from './growth.ts';
import { idleCost } from './idle-cost.ts';
import { ingressAnswers } from './ingress-answers.ts';
import { describeMachine, type Machine } from './machine.ts';
import { modelledCost } from './modelled-cost.ts';
import { ownCpu } from './own-cpu.ts';
import { polling } from './polling.ts';
import { providerCalls } from './provider-calls.ts';
import { refusingEndpoints } from './refusing-endpoints.ts';
import { toMarkdown, toTable } from './report.ts';
import type { Section, SectionResult } from './section.ts';
import { removeSharedAssembly } from './shared-assembly.ts';
import { throughput } from './throughput.ts';
import { verificationAndMapping } from './verification-and-mapping.ts';

/** The summary comes last, because it reads the results of the others. */
const sections: readonly Section[] = [
  verificationAndMapping,
  awsRequests,
  modelledCost,
  idleCost,
  ownCpu,
  bundles,
  ingressAnswers,
  throughput,
  evenLoad,
  fanOut,
  refusingEndpoints,
  growth,
  providerCalls,
  polling,
  budgetSummary,
];
const benchmarksPage = new URL('../../BENCHMARKS.md', import.meta.url);

const { values: options } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    write: { type: 'boolean', default: false },
    section: { type: 'string', multiple: true },
  },
});
const unknown = options.section?.filter((key) => !sections.some((section) => section.key === key)) ?? [];
if (unknown.length > 0)
  throw new Error(
    `unknown section "${unknown.join('", "')}"; expected one of ${sections.map(({ key }) => key).join(', ')}`,
  );

const results: SectionResult[] = [];
const before = describeMachine();
try {
  for (const { key, name, about, run } of sections) {
    if (options.section !== undefined && !options.section.includes(key)) continue;
    process.stderr.write(`${name} …\n`);
    results.push({ section: name, about, figures: await run(results) });
  }
} finally {
  await removeSharedAssembly();
}
const machine: Machine = { ...before, loadAverageAfter: describeMachine().loadAverage };
process.stdout.write(options.json ? `${JSON.stringify({ machine, results }, null, 2)}\n` : toTable(machine, results));
if (options.write) await writeFile(benchmarksPage, toMarkdown(machine, results));
