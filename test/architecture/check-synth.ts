/**
 * Synthesize every stage. A clean synthesis prints nothing, so anything it prints is a fault:
 * warnings of CDK's template validation leave the exit status at 0.
 */
import { spawnSync } from 'node:child_process';
import { resolve } from 'node:path';

const repository = resolve(import.meta.dirname, '../..');

for (const stage of ['dev', 'staging', 'prod']) {
  // A separate output folder per stage, because a running `npm start` uses its own assembly.
  const options = ['--quiet', '--strict', '--no-notices', '--no-color', '--context', `stage=${stage}`];
  const { status, error, stdout, stderr } = spawnSync(
    'cdk',
    ['synth', ...options, '--output', `.cache/synth/${stage}`],
    {
      cwd: repository,
      encoding: 'utf8',
      env: { ...process.env, CDK_DISABLE_VERSION_CHECK: '1' },
    },
  );
  if (error) throw error;
  const printed = `${stdout}${stderr}`.trim();
  const clean = status === 0 && printed === '';
  process.stdout.write(`${stage}: ${clean ? 'clean' : `exit ${status}, printed:\n${printed}`}\n`);
  if (!clean) process.exitCode = 1;
}
