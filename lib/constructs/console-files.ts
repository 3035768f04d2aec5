import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import { builtFolder, readFolder } from './built-files.ts';

const consoleFolder = fileURLToPath(new URL('../../console/', import.meta.url));

const contentTypes: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
};

let built: ReadonlyMap<string, Uint8Array> | undefined;

/**
 * Build the console for browsers: each file plain and compressed, and `files.json`, which lists them. One process
 * builds it once.
 *
 * @returns Contents by path.
 * @throws Error with Vite's messages when it does not build.
 */
export function consoleFiles(): ReadonlyMap<string, Uint8Array> {
  const published = builtFolder('console-files');
  built ??= published === undefined ? build() : readFolder(published);
  return built;
}

function build(): ReadonlyMap<string, Uint8Array> {
  const folder = mkdtempSync(join(tmpdir(), 'tributary-console-'));
  try {
    runVite(folder);
    const files = new Map<string, Uint8Array>();
    const listing: Record<string, object> = {};
    for (const [path, content] of readFolder(folder)) {
      listing[path] = {
        contentType: contentTypes[extname(path)] ?? 'application/octet-stream',
        digest: createHash('sha256').update(content).digest('base64url').slice(0, 16),
      };
      files.set(path, content);
      files.set(`${path}.gz`, gzipSync(content, { level: 9 }));
      files.set(
        `${path}.br`,
        brotliCompressSync(content, { params: { [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY } }),
      );
    }
    return files.set('files.json', Buffer.from(JSON.stringify(listing)));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Vite builds asynchronously only, and a construct is made in one go: so it runs as a process of its own. */
function runVite(outDir: string): void {
  const require = createRequire(import.meta.url);
  const vite = join(dirname(require.resolve('vite/package.json')), 'bin', 'vite.js');
  const config = join(consoleFolder, 'vite.config.ts');
  const run = spawnSync(
    process.execPath,
    [vite, 'build', '--config', config, '--outDir', outDir, '--logLevel', 'error'],
    {
      encoding: 'utf8',
      env: { ...process.env, NODE_ENV: 'production' },
    },
  );
  if (run.status !== 0) throw new Error(`the console does not build:\n${run.stdout}${run.stderr}`);
}
