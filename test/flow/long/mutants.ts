import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import type { failedCases } from '../../unit/engine/records/decision-cases.ts';
import type { faultsOf, playHistory } from '../publish/record-model.ts';

/** A source file of the engine in which one comparison is turned round. */
export interface Mutant {
  /** From the root of the repository. */
  readonly file: string;
  /** From 1. */
  readonly line: number;
  /** The line as it becomes. */
  readonly text: string;
  readonly source: string;
}

const turned: Readonly<Record<string, string>> = {
  '<': '>=',
  '>': '<=',
  '<=': '>',
  '>=': '<',
  '===': '!==',
  '!==': '===',
};
/** An operator with a space at each side is no arrow and no type parameter. */
const comparison = / (===|!==|<=|>=|<|>) /g;

const root = new URL('../../../', import.meta.url);

/** All mutants of a file. */
export function mutantsOf(file: string): readonly Mutant[] {
  const source = readFileSync(new URL(file, root), 'utf8');
  return [...source.matchAll(comparison)].flatMap((match) => {
    const [whole, operator = ''] = match;
    const line = source.slice(0, match.index).split('\n').length;
    const mutated = `${source.slice(0, match.index)} ${turned[operator]} ${source.slice(match.index + whole.length)}`;
    const text = (mutated.split('\n')[line - 1] ?? '').trim();
    return text.startsWith('*') || text.startsWith('//') ? [] : { file, line, text, source: mutated };
  });
}

interface MutatedModel {
  readonly decide: unknown;
  readonly failedCases: typeof failedCases;
  readonly playHistory: typeof playHistory;
  readonly faultsOf: typeof faultsOf;
}

const entry = `
export { decideObservation as decide } from './lambdas/engine/records/decide-observation.ts';
export { failedCases } from './test/unit/engine/records/decision-cases.ts';
export { faultsOf, playHistory } from './test/flow/publish/record-model.ts';
`;

/** The model and the table of cases, with a mutant in the place of its file. */
export async function loadMutant(mutant: Mutant): Promise<MutatedModel> {
  return (await loadWith(entry, mutant)) as MutatedModel;
}

/** What an entry exports, with another source in the place of one file. */
export async function loadWith(contents: string, { file, source }: Pick<Mutant, 'file' | 'source'>): Promise<unknown> {
  const folder = await mkdtemp(join(tmpdir(), 'tributary-mutant-'));
  const path = fileURLToPath(new URL(file, root));
  try {
    const outfile = join(folder, 'model.mjs');
    await build({
      stdin: { contents, resolveDir: fileURLToPath(root), loader: 'ts' },
      outfile,
      bundle: true,
      format: 'esm',
      platform: 'node',
      logLevel: 'silent',
      // Some packages are CommonJS.
      banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" },
      plugins: [
        {
          name: 'mutant',
          setup: (plugins) => {
            plugins.onLoad({ filter: /\.ts$/ }, (asked) =>
              asked.path === path ? { contents: source, loader: 'ts' } : undefined,
            );
          },
        },
      ],
    });
    return await import(pathToFileURL(outfile).href);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
