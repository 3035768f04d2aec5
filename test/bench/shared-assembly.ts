import { rm } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { synthesizeLocalAssembly } from '../../lib/local/synthesize.ts';

const folder = fileURLToPath(new URL(`../../.cache/bench-${process.pid}`, import.meta.url));
let synthesizing: ReturnType<typeof synthesizeLocalAssembly> | undefined;

/** The stage `local`, synthesized once for all sections. */
export function sharedAssembly(): ReturnType<typeof synthesizeLocalAssembly> {
  synthesizing ??= synthesizeLocalAssembly(folder);
  return synthesizing;
}

export async function removeSharedAssembly(): Promise<void> {
  await rm(folder, { recursive: true, force: true });
}
