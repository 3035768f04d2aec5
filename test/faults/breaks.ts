import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { synthesizeLocalAssembly } from '../../lib/local/synthesize.ts';

/** A build that is broken on purpose: what the sweep must catch, since it is what the engine must never do. */
interface Break {
  readonly file: string;
  /** Stands there once. */
  readonly from: string;
  readonly to: string;
  /** The path on which it shows. */
  readonly scenario: string;
}

export const breaks: Readonly<Record<string, Break>> = {
  /** Ingress answers before the queue has the request. */
  'acknowledge-early': {
    file: 'lambdas/flows/ingest/receive-webhook.ts',
    from: '  await ports.rawQueue.send(message);\n  return',
    to: '  ports.rawQueue.send(message).catch(() => undefined);\n  return',
    scenario: 'webhook',
  },
  /** Deliver says that messages are done, and they are deleted, whether they are or not. */
  'delete-early': {
    file: 'lambdas/functions/deliver/handler.ts',
    from: 'return batch.response();',
    to: 'return { batchItemFailures: [] };',
    scenario: 'known-endpoint',
  },
  /** Whoever publishes an event does not write down that it is his. */
  'skip-claim': {
    file: 'lambdas/adapters/dynamo/stores/event-store.ts',
    from: "if (insertion === 'inserted') return claim;",
    to: 'if (insertion !== undefined) return claim;',
    scenario: 'duplicate',
  },
  /** A page of pointers lacks those that have expired, so that it is taken for the last one. */
  'hide-expired': {
    file: 'lambdas/adapters/dynamo/stores/delivery-store.ts',
    from: 'return rows.map(\n        (row): BacklogEntry =>',
    to: 'return rows.filter((row) => isLive(row, options.clock.nowMs())).map(\n        (row): BacklogEntry =>',
    scenario: 'expired-pointers',
  },
  /** A replay goes on with the schedule that a delivery has used up. */
  'old-schedule': {
    file: 'lambdas/engine/delivery/record-attempt.ts',
    from: 'return { ...delivery, scheduledCount: 0, firstAttemptAt: undefined, exhaustedBy: undefined };',
    to: 'return { ...delivery, exhaustedBy: undefined };',
    scenario: 'replay-exhausted',
  },
};

const root = resolve(import.meta.dirname, '../..');
/** What a synthesis reads. */
const sources = ['bin', 'integrations', 'lambdas', 'lib', 'cdk.json', 'package.json', 'tsconfig.json'];

/**
 * Synthesize the stack from a copy of the sources in which a break is made.
 *
 * @param folder - Within the project, so that the copy finds its dependencies.
 * @throws {Error} when the sources have changed, so that the break would break nothing.
 */
export async function synthesizeBroken(name: string, folder: string): ReturnType<typeof synthesizeLocalAssembly> {
  const broken = breaks[name];
  if (broken === undefined) throw new Error(`no break is named ${name}; there are: ${Object.keys(breaks).join(', ')}`);
  const copy = join(folder, 'sources');
  mkdirSync(copy, { recursive: true });
  for (const source of sources) cpSync(join(root, source), join(copy, source), { recursive: true });
  symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));
  const { file, from, to } = broken;
  const text = readFileSync(join(copy, file), 'utf8');
  if (text.split(from).length !== 2) throw new Error(`${file} does not hold once: ${from}`);
  writeFileSync(
    join(copy, file),
    text.replace(from, () => to),
  );
  // The copy's own: it synthesizes the project that it stands in.
  const own = (await import(pathToFileURL(join(copy, 'lib/local/synthesize.ts')).href)) as {
    readonly synthesizeLocalAssembly: typeof synthesizeLocalAssembly;
  };
  return own.synthesizeLocalAssembly(join(folder, 'assembly'));
}
