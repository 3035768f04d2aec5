import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { LocalEngineError } from './errors.ts';
import { listStacks } from './template/assembly.ts';

const projectRoot = fileURLToPath(new URL('../../', import.meta.url));

/**
 * Synthesize the stage `local` into a cloud assembly, with the context of cdk.json. It does not use the CDK command
 * line, which would need the network.
 *
 * @param signal - Aborts the synthesis.
 * @param settings - Settings of lib/config.ts that override those of cdk.json, as `-c` does.
 * @param outDir - Folder of the assembly; inside the project, so that bundles resolve their external modules.
 * @throws {LocalEngineError} synthesis-failed with what the app wrote to stderr.
 */
export async function synthesizeLocalAssembly(
  outDir: string,
  signal?: AbortSignal,
  settings: Readonly<Record<string, unknown>> = {},
): Promise<{ readonly assemblyDir: string; readonly stackName: string }> {
  const assemblyDir = resolve(outDir);
  const app = JSON.parse(await readFile(join(projectRoot, 'cdk.json'), 'utf8')) as { context?: object };
  const context = {
    ...app.context,
    ...settings,
    // Adds the construct's path to each resource's metadata, from which the runner derives labels.
    'aws:cdk:enable-path-metadata': true,
    'aws:cdk:disable-version-reporting': true,
    stage: 'local',
  };
  const environment = { ...process.env, CDK_OUTDIR: assemblyDir, CDK_CONTEXT_JSON: JSON.stringify(context) };
  await runApp(environment, signal);

  const stacks = await listStacks(assemblyDir);
  const stackName = stacks[0];
  if (stackName === undefined || stacks.length > 1) {
    const got = stacks.join(', ') || 'none';
    throw new LocalEngineError('synthesis-failed', `The local stage must be one stack; got: ${got}.`);
  }
  return { assemblyDir, stackName };
}

async function runApp(env: NodeJS.ProcessEnv, signal: AbortSignal | undefined): Promise<void> {
  const child = spawn(process.execPath, [join(projectRoot, 'bin/app.ts')], {
    cwd: projectRoot,
    env,
    stdio: ['ignore', 'ignore', 'pipe'],
    ...(signal === undefined ? {} : { signal }),
  });
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const status = await new Promise<number | NodeJS.Signals | null>((done, fail) => {
    child.once('error', fail);
    child.once('close', (code, signal) => done(code ?? signal));
  });
  if (status === 0) return;
  throw new LocalEngineError('synthesis-failed', `bin/app.ts ended with ${status}.\n${stderr.trim()}`);
}
