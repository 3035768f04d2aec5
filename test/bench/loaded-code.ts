import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Metafile } from 'esbuild';
import type { FunctionName } from '../../lambdas/contracts/environment.ts';
import { bundleFunction } from '../../lib/constructs/function-bundle.ts';

/** The code that a function loads before its first event: its entry, and all static imports. */
export interface LoadedCode {
  /** Bytes of the files, minified. */
  readonly bytes: number;
  /** Bytes by package. The repository's own code counts under its folder. */
  readonly byPackage: ReadonlyMap<string, number>;
}

export function loadedCode(name: FunctionName): LoadedCode {
  const entry = fileURLToPath(new URL(`../../lambdas/functions/${name}/${name}.lambda.ts`, import.meta.url));
  const { metafilePath } = bundleFunction({ entry });
  const { outputs } = JSON.parse(readFileSync(metafilePath, 'utf8')) as Metafile;
  const loaded = new Set<string>();
  const load = (path: string): void => {
    if (loaded.has(path)) return;
    loaded.add(path);
    for (const { kind, path: imported } of outputs[path]?.imports ?? [])
      if (kind === 'import-statement' && imported in outputs) load(imported);
  };
  load(Object.keys(outputs).find((path) => path.endsWith('/index.mjs')) ?? '');

  let bytes = 0;
  const byPackage = new Map<string, number>();
  for (const path of loaded) {
    bytes += outputs[path]?.bytes ?? 0;
    for (const [input, { bytesInOutput }] of Object.entries(outputs[path]?.inputs ?? {})) {
      const found = packageOf(input);
      byPackage.set(found, (byPackage.get(found) ?? 0) + bytesInOutput);
    }
  }
  return { bytes, byPackage };
}

function packageOf(input: string): string {
  return /.*node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(input)?.[1] ?? input.split('/').slice(0, 2).join('/');
}
