import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join, relative, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import type * as esbuild from 'esbuild';
import { builtFolder, readFolder } from './built-files.ts';
import { type CompiledCode, type CompiledCodeStore, createCompiledCodeStore } from './compiled-code.ts';

const repositoryRoot = fileURLToPath(new URL('../../', import.meta.url));
/** Code that was built before the package was published, by function; undefined in the repository. */
const builtBundles = builtFolder('bundles');
const bundlesDirectory =
  builtBundles === undefined
    ? join(repositoryRoot, '.cache', 'bundles')
    : join(process.cwd(), 'node_modules', '.cache', 'tributary');

/** Defines `require`, which ESM lacks and the CommonJS libraries inside a bundle call. */
export const requireBanner =
  "import { createRequire as createRequireOfBundle } from 'node:module'; const require = createRequireOfBundle(import.meta.url);";

const bundleOptions = {
  absWorkingDir: repositoryRoot,
  bundle: true,
  format: 'esm',
  platform: 'node',
  target: 'node24',
  mainFields: ['module', 'main'],
  // A lazily imported client becomes a separate chunk, outside the hot path.
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
} as const satisfies esbuild.BuildOptions;

export interface FunctionBundleProps {
  /** The `.lambda.ts` file whose `handler` Lambda calls. */
  readonly entry: string;
  /**
   * Entries that the function starts as child processes, by the name of their file next to the code: `expressions`
   * becomes `expressions.mjs`.
   * @default - none
   */
  readonly processes?: Readonly<Record<string, string>>;
  /**
   * Compiled integrations by name, written next to the code as `integrations/<name>.json`.
   * @default - none
   */
  readonly integrations?: ReadonlyMap<string, object>;
  /**
   * Compiled candidates by the name of their integrations, written next to the code as `candidates/<name>.json`.
   * @default - none
   */
  readonly candidates?: ReadonlyMap<string, object>;
  /**
   * Schemas of the canonical resources by name, written next to the code as `resources.json`.
   * @default - none
   */
  readonly resources?: ReadonlyMap<string, object>;
  /**
   * Folders of other files next to the code: contents by path, by the folder's name.
   * @default - none
   */
  readonly files?: Readonly<Record<string, ReadonlyMap<string, Uint8Array>>>;
}

/** A directory ready to be a Lambda asset, with `index.mjs` as its entry. */
export interface FunctionBundle {
  readonly directory: string;
  /** esbuild's metafile, next to the directory: the inputs of each output, in bytes. Empty in the published package. */
  readonly metafilePath: string;
}

const staleAfterMs = 24 * 3_600_000;

/** Cache: when one process synthesizes several stages, it compiles each entry once. */
const compiledEntries = new Map<string, CompiledCode>();

/**
 * Bundle a function into a directory named for its content: the same sources give the same directory, and concurrent
 * processes cannot corrupt each other's bundles.
 *
 * esbuild runs in this process; `NodejsFunction` would start a process for every function and stage.
 *
 * @throws Error with esbuild's messages when the entry does not compile.
 */
export function bundleFunction({
  entry,
  processes = {},
  integrations = new Map(),
  candidates = new Map(),
  resources,
  files: others = {},
}: FunctionBundleProps): FunctionBundle {
  const { files: code, metafile } = compileEntry(resolve(entry), processes);
  const definitions = [...definitionFiles('integrations', integrations), ...definitionFiles('candidates', candidates)];
  const schemas =
    resources === undefined
      ? []
      : [{ path: 'resources.json', contents: Buffer.from(JSON.stringify(Object.fromEntries(resources))) }];
  const added = Object.entries(others).flatMap(([folder, contents]) =>
    [...contents].map(([path, content]) => ({ path: join(folder, path), contents: content })),
  );
  const files = [...code, ...definitions, ...schemas, ...added];
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

function definitionFiles(folder: string, definitions: ReadonlyMap<string, object>): CompiledCode['files'] {
  return [...definitions]
    .map(([name, definition]) => ({
      path: join(folder, `${name}.json`),
      contents: Buffer.from(JSON.stringify(definition)),
    }))
    .sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** The code of an entry, with the metafile of its compilation. */
export function compileEntry(entry: string, processes: Readonly<Record<string, string>>): CompiledCode {
  const known = compiledEntries.get(entry) ?? readBuilt(entry) ?? readCompiled(entry, processes);
  if (known !== undefined) {
    compiledEntries.set(entry, known);
    return known;
  }
  // A package that is published has no need of esbuild.
  const { buildSync } = createRequire(import.meta.url)('esbuild') as typeof esbuild;
  // esbuild writes nothing to this directory; its depth only determines how source maps name their sources.
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
  codeStore(processes).write(nameOf(entry), compiled);
  return compiled;
}

function readCompiled(entry: string, processes: Readonly<Record<string, string>>): CompiledCode | undefined {
  return codeStore(processes).read(nameOf(entry));
}

const codeStores = new Map<string, CompiledCodeStore>();

/** The lockfile says which packages resolve, and the version of esbuild. */
function codeStore(processes: Readonly<Record<string, string>>): CompiledCodeStore {
  const key = hashOf([
    { path: 'options', contents: Buffer.from(JSON.stringify([bundleOptions, processes])) },
    ...['package-lock.json', 'tsconfig.json'].map((path) => ({
      path,
      contents: readFileSync(join(repositoryRoot, path)),
    })),
  ]);
  const store = codeStores.get(key) ?? createCompiledCodeStore(repositoryRoot, bundlesDirectory, key);
  codeStores.set(key, store);
  return store;
}

function readBuilt(entry: string): CompiledCode | undefined {
  if (builtBundles === undefined) return undefined;
  const folder = join(builtBundles, nameOf(entry));
  const files = [...readFolder(folder)].map(([path, contents]) => ({ path, contents }));
  return { files, metafile: { inputs: {}, outputs: {} } };
}

function nameOf(entry: string): string {
  return basename(entry).replace(/\.lambda\.ts$/, '');
}

function hashOf(files: CompiledCode['files']): string {
  const hash = createHash('sha256');
  for (const { path, contents } of files) {
    hash.update(`${path.split(sep).join('/')}\0${contents.byteLength}\0`).update(contents);
  }
  return hash.digest('hex').slice(0, 16);
}

/** Write to a temporary name, then rename: readers see the whole directory or none, and the first writer wins. */
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

/** Remove bundles of older sources after a day, when no process runs them any more. */
function removeStale(name: string, current: string): void {
  const before = Date.now() - staleAfterMs;
  for (const entry of readdirSync(bundlesDirectory)) {
    const path = join(bundlesDirectory, entry);
    if (!entry.startsWith(`${name}-`) || path.startsWith(current)) continue;
    const modified = statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? before;
    if (modified < before) rmSync(path, { recursive: true, force: true });
  }
}
