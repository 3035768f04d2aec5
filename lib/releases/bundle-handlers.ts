import { join } from 'node:path';
import { brotliCompressSync, constants } from 'node:zlib';
import { buildSync } from 'esbuild';
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
  const { outputFiles } = buildSync({
    absWorkingDir: root,
    bundle: true,
    packages: 'external',
    format: 'esm',
    platform: 'node',
    target: 'node24',
    splitting: true,
    outExtension: { '.js': '.mjs' },
    minify: true,
    legalComments: 'none',
    write: false,
    outdir: root,
    entryPoints: [
      ...Object.keys(environments).map((name) => ({ in: join(functions, name, `${name}.lambda.ts`), out: name })),
      { in: join(functions, 'expressions.child.ts'), out: 'expressions' },
    ],
  });
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
