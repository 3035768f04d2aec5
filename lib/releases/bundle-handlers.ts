import { join } from 'node:path';
import { brotliCompressSync, constants } from 'node:zlib';
import { type BuildOptions, buildSync } from 'esbuild';
import { requireBanner } from '../constructs/function-bundle.ts';
import { compileIntegrations } from '../definitions/compile-integrations.ts';
import { compileVersionedResources } from '../definitions/compile-resources.ts';

/** One whose records are read and polled. */
const triedIntegrations = ['legacy-crm'];

/** The handlers of a release, as a test runs them beside those of later versions. */
export interface ReleasedHandlers {
  /** Text of each file by path: `<function>.mjs`, what they share, and `expressions.mjs`. */
  readonly files: Readonly<Record<string, string>>;
  /** Compiled definitions by name: those with which the test tries the handlers. */
  readonly integrations: Readonly<Record<string, unknown>>;
  readonly resources: Readonly<Record<string, unknown>>;
  /** Environment keys that each function reads. */
  readonly environments: Readonly<Record<string, readonly string[]>>;
}

/**
 * Bundle all handlers together, so that what they share is there once. The packages of npm stay outside: what decides
 * whether two versions understand each other is the engine's own code, and with the packages it would be four times as
 * large.
 *
 * @param root - The repository.
 * @returns The handlers as JSON, compressed with Brotli.
 */
export function bundleHandlers(root: string, environments: ReleasedHandlers['environments']): Uint8Array {
  const functions = join(root, 'lambdas', 'functions');
  const entriesOf = (names: readonly string[]) =>
    names.map((name) => ({ in: join(functions, name, `${name}.lambda.ts`), out: name }));
  const handlersOutput = buildSync({
    ...options(root),
    packages: 'external',
    entryPoints: entriesOf(Object.keys(environments)),
  }).outputFiles;
  // This process may read the folder of the code only, so it has its packages with it.
  const processOutput = buildSync({
    ...options(root),
    entryPoints: [{ in: join(functions, 'expressions.child.ts'), out: 'expressions' }],
  }).outputFiles;
  const outputFiles = [...handlersOutput, ...processOutput];
  const files = Object.fromEntries(outputFiles.map(({ path, text }) => [path.slice(join(root, '/').length), text]));
  const definitions = compileIntegrations(join(root, 'integrations'));
  const handlers: ReleasedHandlers = {
    files,
    integrations: Object.fromEntries([...definitions].filter(([name]) => triedIntegrations.includes(name))),
    resources: Object.fromEntries(compileVersionedResources(join(root, 'integrations'))),
    environments,
  };
  return brotliCompressSync(JSON.stringify(handlers), {
    params: { [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY, [constants.BROTLI_PARAM_LGWIN]: 24 },
  });
}

const options = (root: string) =>
  ({
    absWorkingDir: root,
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node24',
    mainFields: ['module', 'main'],
    splitting: true,
    outExtension: { '.js': '.mjs' },
    minify: true,
    legalComments: 'none',
    banner: { js: requireBanner },
    write: false,
    outdir: root,
  }) as const satisfies BuildOptions;
