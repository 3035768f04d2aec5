import { rm } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { TestProject } from 'vitest/node';
import { synthesizeLocalAssembly } from '../../lib/local/synthesize.ts';

declare module 'vitest' {
  interface ProvidedContext {
    assembly: { readonly assemblyDir: string; readonly stackName: string };
  }
}

/** Each project loads this module anew, in the same process. */
const shared = globalThis as { tributaryAssembly?: ReturnType<typeof synthesizeLocalAssembly> };

/** Synthesize once for all files of all projects. Each file starts its own engine from the result. */
export default async function synthesizeOnce(project: TestProject): Promise<() => Promise<void>> {
  const folder = fileURLToPath(new URL(`../../.cache/e2e-${process.pid}`, import.meta.url));
  shared.tributaryAssembly ??= synthesizeLocalAssembly(folder);
  project.provide('assembly', await shared.tributaryAssembly);
  return () => rm(folder, { recursive: true, force: true });
}
