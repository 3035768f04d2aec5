/**
 * Check the subjects of commits that are newer than this rule (CONTRIBUTING.md).
 */
import { execFileSync } from 'node:child_process';
import { resolve } from 'node:path';
import { subjectFaults } from './subject-faults.ts';

/** The rule does not apply to this commit and older ones. */
const since = '2026-11-29T05:45:00Z';

const repository = resolve(import.meta.dirname, '../..');
const commits = logOf('--no-merges', `--since=${since}`, '--format=%h %s');
const faults = commits.flatMap((line) => {
  const [hash = '', ...words] = line.split(' ');
  return subjectFaults(words.join(' ')).map((fault) => `${hash} "${words.join(' ')}": ${fault}`);
});
for (const fault of faults) process.stderr.write(`${fault}\n`);
process.stdout.write(`${commits.length} commits since ${since}, ${faults.length} faults\n`);
process.exitCode = faults.length === 0 ? 0 : 1;

/** Lines of the log; empty in a copy without history. */
function logOf(...options: readonly string[]): readonly string[] {
  try {
    const log = execFileSync('git', ['log', ...options], {
      cwd: repository,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    return log.split('\n').filter((line) => line !== '');
  } catch {
    return [];
  }
}
