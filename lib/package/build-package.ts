import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type FunctionName, functionEnvironments } from '../../lambdas/contracts/environment.ts';
import { consoleFiles } from '../constructs/console-files.ts';
import { compileEntry } from '../constructs/function-bundle.ts';
import { ownVersion } from '../releases/upgrade-faults.ts';
import { entryOf } from '../stack/engine-builder.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));

/**
 * Build what `npm pack` publishes, in `dist/`: the library and the command line as JavaScript with types, because Node
 * strips no types under node_modules; the code of the functions and the console ready to deploy, so an app needs
 * neither esbuild nor Vite and deploys what was tested; and the definitions.
 *
 * `dist/` has the folders of the repository, so that paths between files are the same in both.
 */
export function buildPackage(): void {
  const dist = join(root, 'dist');
  rmSync(dist, { recursive: true, force: true });
  compileSources();
  for (const name of Object.keys(functionEnvironments) as FunctionName[]) {
    const { entry, processes } = entryOf(name);
    const { files } = compileEntry(entry, processes);
    for (const { path, contents } of files) write(join(dist, 'bundles', name, path), contents);
  }
  for (const [path, contents] of consoleFiles()) write(join(dist, 'console-files', path), contents);
  cpSync(join(root, 'cdk.json'), join(dist, 'cdk.json'));
  cpSync(join(root, 'lib', 'releases', 'states'), join(dist, 'lib', 'releases', 'states'), { recursive: true });
  write(join(dist, 'package.json'), JSON.stringify({ type: 'module', version: ownVersion }));
  cpSync(join(root, 'integrations'), join(dist, 'integrations'), { recursive: true });
}

function compileSources(): void {
  const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [tsc, '--project', join(root, 'tsconfig.package.json')],
    {
      encoding: 'utf8',
    },
  );
  if (status !== 0) throw new Error(`the sources do not compile:\n${stdout}${stderr}`);
}

function write(path: string, contents: string | Uint8Array): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, contents);
}
