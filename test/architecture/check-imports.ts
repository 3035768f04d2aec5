/**
 * Check the import rules of .dependency-cruiser.ts, and that every source file was read.
 *
 * dependency-cruiser passes when it reads nothing (a missing parser, a wrong folder), so this compares the files
 * and imports that it read with those that exist.
 */
import { globSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { cruise, type ICruiseResult } from 'dependency-cruiser';
import config from '../../.dependency-cruiser.ts';

const repository = resolve(import.meta.dirname, '../..');
process.chdir(repository);

const rooms = ['bin', 'lib', 'lambdas', 'console', 'test', 'integrations', 'examples'];
const files = globSync(`{${rooms.join(',')}}/**/*.{ts,tsx}`);
const { output } = await cruise(
  rooms.filter((room) => files.some((file) => file.startsWith(`${room}/`))),
  { ...config.options, validate: true, ruleSet: { forbidden: config.forbidden } },
);
const { modules, summary } = output as ICruiseResult;

const read = new Map(modules.map((module) => [module.source, module]));
const faults: string[] = [];
for (const file of files) {
  const module = read.get(file);
  if (module === undefined) faults.push(`${file}: not read by dependency-cruiser`);
  else if (module.dependencies.length === 0 && /^import .* from '/m.test(readFileSync(file, 'utf8'))) {
    faults.push(`${file}: its imports were not understood by dependency-cruiser`);
  }
}
if (files.length === 0) faults.push('No source file was found.');
for (const { rule, from, to, cycle } of summary.violations) {
  const comment = config.forbidden.find(({ name }) => name === rule.name)?.comment ?? '';
  const path = cycle?.map(({ name }) => name).join(' -> ') ?? to;
  faults.push(`${from}${path === from ? '' : ` -> ${path}`}: ${rule.name}. ${comment}`.trimEnd());
}
for (const fault of faults) process.stderr.write(`${fault}\n`);
process.stdout.write(
  `${files.length} files, ${summary.totalDependenciesCruised ?? 0} imports, ${faults.length} faults\n`,
);
process.exitCode = faults.length === 0 ? 0 : 1;
