import { rm } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { TestProject } from 'vitest/node';
import { synthesizeLocalAssembly } from '../../lib/local/synthesize.ts';

declare module 'vitest' {
  interface ProvidedContext {
    assembly: { readonly assemblyDir: string; readonly stackName: string };
  }
}

/** Synthesize once for all files. Each file starts its own engine from the result. */
export default async function synthesizeOnce(project: TestProject): Promise<() => Promise<void>> {
  const folder = fileURLToPath(new URL(`../../.cache/e2e-${process.pid}`, import.meta.url));
  project.provide('assembly', await synthesizeLocalAssembly(folder));
  return () => rm(folder, { recursive: true, force: true });
}
