import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const marker = 'TRIBUTARY_TEMPORARY_FILES';

/**
 * Give a run of the tests its own folder of temporary files, and remove it at the end: the CDK writes each app of a test
 * to such a folder, with its bundles, and leaves it there. Every project of vitest calls this; the first call counts.
 */
export default function setUp(): (() => void) | undefined {
  if (process.env[marker] !== undefined) return undefined;
  const folder = mkdtempSync(join(tmpdir(), 'tributary-tests-'));
  process.env[marker] = folder;
  // Workers and their children inherit it.
  process.env['TMPDIR'] = folder;
  // A worker that ends may still write.
  return () => rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
}
