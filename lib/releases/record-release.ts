import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { App } from 'aws-cdk-lib';
import { functionEnvironments } from '../../lambdas/contracts/environment.ts';
import { loadConfig } from '../config.ts';
import { TributaryStack } from '../tributary-stack.ts';
import { bundleHandlers } from './bundle-handlers.ts';
import { describeState } from './describe-state.ts';
import { ownVersion, releasedVersions, stateFile } from './upgrade-faults.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));

/**
 * Record what the next version is compared with: the stateful resources of this version, and its handlers. The handlers
 * of the release before are no longer needed.
 *
 * @param today - `2026-11-30`, for the changelog.
 * @throws Error when the version was released, or the changelog has nothing about it.
 */
export function recordRelease(today: string): readonly string[] {
  if (releasedVersions().includes(ownVersion))
    throw new Error(`${ownVersion} is released: raise the version in package.json and package-lock.json`);
  const changelog = join(root, 'CHANGELOG.md');
  const text = readFileSync(changelog, 'utf8');
  if (!/^## Unreleased\n+(?!## )\S/m.test(text)) throw new Error('CHANGELOG.md: nothing is under "## Unreleased"');

  const app = new App({ context: readContext() });
  const stack = new TributaryStack(app, 'Tributary-prod', {
    config: loadConfig((key) => (key === 'stage' ? 'prod' : undefined)),
  });
  const state = fileURLToPath(stateFile(ownVersion));
  writeFileSync(state, `${JSON.stringify(describeState(stack), undefined, 2)}\n`);

  const handlers = join(root, 'test', 'releases');
  rmSync(handlers, { recursive: true, force: true });
  mkdirSync(handlers, { recursive: true });
  const archive = join(handlers, `${ownVersion}.json.br`);
  writeFileSync(archive, bundleHandlers(root, functionEnvironments));

  writeFileSync(changelog, text.replace('## Unreleased\n', `## Unreleased\n\n## ${ownVersion} - ${today}\n`));
  return [state, archive, changelog];
}

function readContext(): Record<string, unknown> {
  return (JSON.parse(readFileSync(join(root, 'cdk.json'), 'utf8')) as { context: Record<string, unknown> }).context;
}
