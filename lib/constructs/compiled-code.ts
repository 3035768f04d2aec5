import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Metafile } from 'esbuild';

/** The code of a function, with the metafile of its compilation. */
export interface CompiledCode {
  readonly files: readonly { readonly path: string; readonly contents: Uint8Array }[];
  readonly metafile: Metafile;
}

interface StoredCode {
  readonly key: string;
  /** SHA-256 of each source, by its path. */
  readonly sources: Readonly<Record<string, string>>;
  readonly files: readonly { readonly path: string; readonly base64: string }[];
  readonly metafile: Metafile;
}

/** Keeps compiled code from one process to the next: tests, `npm start` and `cdk` compile what has changed. */
export interface CompiledCodeStore {
  /** @returns Undefined when there is none, or any of its sources has changed. */
  read(name: string): CompiledCode | undefined;
  write(name: string, code: CompiledCode): void;
}

/**
 * @param root - Folder that the paths of the metafile begin in.
 * @param key - What the code depends on beside its sources: options, and where packages resolve to.
 */
export function createCompiledCodeStore(root: string, folder: string, key: string): CompiledCodeStore {
  const hashes = new Map<string, string | undefined>();
  const hashOf = (path: string): string | undefined => {
    if (!hashes.has(path)) hashes.set(path, hashFile(join(root, path)));
    return hashes.get(path);
  };
  const pathOf = (name: string) => join(folder, `${name}.compiled.json`);
  return {
    read(name) {
      const stored = readStored(pathOf(name));
      if (stored?.key !== key) return undefined;
      if (Object.entries(stored.sources).some(([path, hash]) => hashOf(path) !== hash)) return undefined;
      const files = stored.files.map(({ path, base64 }) => ({ path, contents: Buffer.from(base64, 'base64') }));
      return { files, metafile: stored.metafile };
    },
    write(name, { files, metafile }) {
      const sources = Object.keys(metafile.inputs).map((path) => [path, hashOf(path)] as const);
      // A source that is no file: nothing can tell whether it has changed.
      if (sources.some(([, hash]) => hash === undefined)) return;
      const stored: StoredCode = {
        key,
        sources: Object.fromEntries(sources as readonly (readonly [string, string])[]),
        files: files.map(({ path, contents }) => ({ path, base64: Buffer.from(contents).toString('base64') })),
        metafile,
      };
      const path = pathOf(name);
      mkdirSync(dirname(path), { recursive: true });
      // Renamed, so that another process reads all of it or none.
      const partial = `${path}.${process.pid}`;
      writeFileSync(partial, JSON.stringify(stored));
      renameSync(partial, path);
    },
  };
}

function hashFile(path: string): string | undefined {
  try {
    return createHash('sha256').update(readFileSync(path)).digest('hex');
  } catch {
    return undefined;
  }
}

function readStored(path: string): StoredCode | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as StoredCode;
  } catch {
    return undefined;
  }
}
