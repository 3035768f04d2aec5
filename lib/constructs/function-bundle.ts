import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, relative, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type BuildOptions, buildSync, type Metafile } from 'esbuild';

const repositoryRoot = fileURLToPath(new URL('../../', import.meta.url));
const bundlesDirectory = join(repositoryRoot, '.cache', 'bundles');

/** ESM has no `require`; the CommonJS libraries inside a bundle still call it. */
const requireBanner =
  "import { createRequire as createRequireOfBundle } from 'node:module'; const require = createRequireOfBundle(import.meta.url);";

const bundleOptions = {
  absWorkingDir: repositoryRoot,
  bundle: true,
  format: 'esm',
  platform: 'node',
  target: 'node24',
  mainFields: ['module', 'main'],
  // A client that is imported lazily becomes a chunk of its own, outside the hot path.
  splitting: true,
  outExtension: { '.js': '.mjs' },
  minify: true,
  legalComments: 'none',
  sourcemap: true,
  sourcesContent: false,
  banner: { js: requireBanner },
  metafile: true,
  write: false,
  logLevel: 'silent',
} as const satisfies BuildOptions;

export interface FunctionBundleProps {
  /** The `.lambda.ts` file whose `handler` Lambda calls. */
  readonly entry: string;
  /**
   * What the function starts as a process of its own, by the name of its file beside the code: `expressions` becomes
   * `expressions.mjs`.
   * @default - none
   */
  readonly processes?: Readonly<Record<string, string>>;
  /**
   * Compiled integrations by name, written beside the code as `integrations/<name>.json`.
   * @default - none
   */
  readonly integrations?: ReadonlyMap<string, object>;
  /**
   * Schemas of the canonical resources by name, written beside the code as `resources.json`.
   * @default - none
   */
  readonly resources?: ReadonlyMap<string, object>;
}

/** A directory ready to be a Lambda asset, with `index.mjs` as its entry. */
export interface FunctionBundle {
  readonly directory: string;
  /** esbuild's metafile, beside the directory: what each output holds, in bytes. */
  readonly metafilePath: string;
}

interface CompiledEntry {
  readonly files: readonly { readonly path: string; readonly contents: Uint8Array }[];
  readonly metafile: Metafile;
}

const staleAfterMs = 24 * 3_600_000;

/** Synthesizing several stages in one process compiles an entry once. */
const compiledEntries = new Map<string, CompiledEntry>();

/**
 * Bundle a function into a directory that is named for its content: the same sources give the same
 * directory, and processes that run at once cannot spoil each other's.
 *
 * esbuild runs in this process: `NodejsFunction` starts a process for every function and stage.
 *
 * @throws Error with esbuild's messages when the entry does not compile.
 */
export function bundleFunction({
  entry,
  processes = {},
  integrations = new Map(),
  resources,
}: FunctionBundleProps): FunctionBundle {
  const { files: code, metafile } = compileEntry(resolve(entry), processes);
  const definitions = [...integrations]
    .map(([name, definition]) => ({
      path: join('integrations', `${name}.json`),
      contents: Buffer.from(JSON.stringify(definition)),
    }))
    .sort((a, b) => (a.path < b.path ? -1 : 1));
  const schemas =
    resources === undefined
      ? []
      : [{ path: 'resources.json', contents: Buffer.from(JSON.stringify(Object.fromEntries(resources))) }];
  const files = [...code, ...definitions, ...schemas];
  const directory = join(bundlesDirectory, `${nameOf(entry)}-${hashOf(files)}`);
  const metafilePath = `${directory}.meta.json`;
  if (!existsSync(metafilePath) || !existsSync(directory)) {
    place(directory, (partial) => {
      for (const { path, contents } of files) {
        mkdirSync(dirname(join(partial, path)), { recursive: true });
        writeFileSync(join(partial, path), contents);
      }
    });
    place(metafilePath, (partial) => writeFileSync(partial, JSON.stringify(metafile)));
    removeStale(nameOf(entry), directory);
  }
  return { directory, metafilePath };
}

function compileEntry(entry: string, processes: Readonly<Record<string, string>>): CompiledEntry {
  const known = compiledEntries.get(entry);
  if (known !== undefined) return known;
  // Nothing is written here; the depth only decides how source maps name their sources.
  const outdir = join(bundlesDirectory, nameOf(entry));
  const { outputFiles, metafile } = buildSync({
    ...bundleOptions,
    outdir,
    entryPoints: [
      { in: entry, out: 'index' },
      ...Object.entries(processes).map(([out, path]) => ({ in: resolve(path), out })),
    ],
  });
  const files = outputFiles
    .map(({ path, contents }) => ({ path: relative(outdir, path), contents }))
    .sort((a, b) => (a.path < b.path ? -1 : 1));
  const compiled = { files, metafile };
  compiledEntries.set(entry, compiled);
  return compiled;
}

function nameOf(entry: string): string {
  return basename(entry).replace(/\.lambda\.ts$/, '');
}

function hashOf(files: CompiledEntry['files']): string {
  const hash = createHash('sha256');
  for (const { path, contents } of files) {
    hash.update(`${path.split(sep).join('/')}\0${contents.byteLength}\0`).update(contents);
  }
  return hash.digest('hex').slice(0, 16);
}

/** Write beside, then rename: a reader sees all of it or nothing, and the first of two writers wins. */
function place(target: string, write: (partial: string) => void): void {
  mkdirSync(bundlesDirectory, { recursive: true });
  const workspace = mkdtempSync(join(bundlesDirectory, '.partial-'));
  try {
    const partial = join(workspace, basename(target));
    write(partial);
    renameSync(partial, target);
  } catch (error) {
    if (!existsSync(target)) throw error;
  } finally {
    rmSync(workspace, { recursive: true, force: true });
  }
}

/** Bundles of sources that have changed since are kept for a day, for processes that still run them. */
function removeStale(name: string, current: string): void {
  const before = Date.now() - staleAfterMs;
  for (const entry of readdirSync(bundlesDirectory)) {
    const path = join(bundlesDirectory, entry);
    if (!entry.startsWith(`${name}-`) || path.startsWith(current)) continue;
    const modified = statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? before;
    if (modified < before) rmSync(path, { recursive: true, force: true });
  }
}
