import { rm } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { synthesizeLocalAssembly } from '../../lib/local/synthesize.ts';

const folder = fileURLToPath(new URL(`../../.cache/bench-${process.pid}`, import.meta.url));
let synthesizing: ReturnType<typeof synthesizeLocalAssembly> | undefined;

/** The stage `local`, synthesized once for all sections. */
export function sharedAssembly(): ReturnType<typeof synthesizeLocalAssembly> {
  // The quota by default is 100; one section fans an event out to a thousand.
  synthesizing ??= synthesizeLocalAssembly(folder, undefined, { subscriptionsPerTenant: 1_000 });
  return synthesizing;
}

export async function removeSharedAssembly(): Promise<void> {
  await rm(folder, { recursive: true, force: true });
}
