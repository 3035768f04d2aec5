import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { synthesizeLocalAssembly } from '../../lib/local/synthesize.ts';

/** A deliberately broken build. It does what the engine must never do, so the sweep must catch it. */
interface Break {
  readonly file: string;
  /** Occurs once in the file. */
  readonly from: string;
  readonly to: string;
  /** The path that catches the break. */
  readonly scenario: string;
}

export const breaks: Readonly<Record<string, Break>> = {
  /** Ingress answers before the request is in the queue. */
  'acknowledge-early': {
    file: 'lambdas/flows/ingest/receive-webhook.ts',
    from: '  await ports.rawQueue.send(message);\n  return',
    to: '  ports.rawQueue.send(message).catch(() => undefined);\n  return',
    scenario: 'webhook',
  },
  /** Deliver reports all messages as done, so SQS deletes failed ones too. */
  'delete-early': {
    file: 'lambdas/functions/deliver/handler.ts',
    from: 'return batch.response();',
    to: 'return { batchItemFailures: [] };',
    scenario: 'known-endpoint',
  },
  /** A publisher does not record its claim on an event. */
  'skip-claim': {
    file: 'lambdas/adapters/dynamo/stores/event-claims.ts',
    from: "if (insertion === 'inserted') return claim;",
    to: 'if (insertion !== undefined) return claim;',
    scenario: 'duplicate-fact',
  },
  /** A retry does not know the change that its earlier run made, and takes it for another webhook's. */
  'forget-own-change': {
    file: 'lambdas/engine/records/decide-observation.ts',
    from: 'if (own !== undefined) return continueChange(state, own, absences);',
    to: '',
    scenario: 'record-out-of-order',
  },
  /** A webhook that comes late is published. */
  'publish-late': {
    file: 'lambdas/engine/records/decide-observation.ts',
    from: "if (verdict === 'stale') return { kind: 'stale' };",
    to: '',
    scenario: 'record-out-of-order',
  },
  /** A page of pointers omits expired ones, so a reader takes it for the last page. */
  'hide-expired': {
    file: 'lambdas/adapters/dynamo/stores/delivery-store.ts',
    from: 'return rows.map(\n    (row): BacklogEntry =>',
    to: 'return rows.filter((row) => isLive(row, Date.now())).map(\n    (row): BacklogEntry =>',
    scenario: 'expired-pointers',
  },
  /** A replay continues the schedule that a delivery has used up. */
  'old-schedule': {
    file: 'lambdas/engine/delivery/record-attempt.ts',
    from: 'return { ...delivery, scheduledCount: 0, firstAttemptAt: undefined, exhaustedBy: undefined };',
    to: 'return { ...delivery, exhaustedBy: undefined };',
    scenario: 'replay-exhausted',
  },
  /** A read that waits is forgotten before its event is published. */
  'forget-fetch': {
    file: 'lambdas/flows/enrich/enrich-records.ts',
    from: '  const publications = await publishEvents(\n',
    to: '  await ports.fetches.finish(ready.map(({ fetch }) => fetch));\n  const publications = await publishEvents(\n',
    scenario: 'enrichment',
  },
  /** A refresher that cannot write its token gives up, although the former refresh token is used up. */
  'drop-token': {
    file: 'lambdas/flows/provider/use-credentials.ts',
    from: 'if (clock.nowMs() + retryWriteMs >= (refresher?.untilMs ?? 0)) throw error;',
    to: 'throw error;',
    scenario: 'refresh',
  },
  /** The cursor of a poll moves before what was read is published. */
  'cursor-first': {
    file: 'lambdas/flows/sync/advance-run.ts',
    from: "  return work.job.emit === 'combined' ? publishCombined(work) : publishPart(work);",
    to: [
      '  const early = cursorAfter(work, placeOf(work), work.cursor);',
      '  if (early !== undefined)',
      '    await work.ports.syncs.putCursor(cursorKey(work, work.part.name), early, work.hold.row.tenant);',
      "  return work.job.emit === 'combined' ? publishCombined(work) : publishPart(work);",
    ].join('\n'),
    scenario: 'incremental-sync',
  },
  /** A poll that dies is followed by another run, which does not know what the first one began. */
  'forget-run': {
    file: 'lambdas/flows/sync/publish-part.ts',
    from: 'if (place.isInHand === true) await storeRun(work, place);',
    to: 'if (place.isInHand === undefined) await storeRun(work, place);',
    scenario: 'incremental-sync',
  },
  /** A call whose caller died is not counted. */
  'forget-dead-call': {
    file: 'lambdas/engine/provider/budget/admit-calls.ts',
    from: 'if (cost !== undefined) limit = limitAt(',
    to: 'if (cost !== undefined && nowMs < 0) limit = limitAt(',
    scenario: 'budget',
  },
};

const root = resolve(import.meta.dirname, '../..');
/** Files that a synthesis reads. */
const sources = ['bin', 'integrations', 'lambdas', 'lib', 'cdk.json', 'package.json', 'tsconfig.json'];

/**
 * Synthesize the stack from a copy of the sources that contains a break.
 *
 * @param folder - Within the project, so that the copy finds its dependencies.
 * @throws {Error} when the sources no longer contain the text to replace.
 */
export async function synthesizeBroken(name: string, folder: string): ReturnType<typeof synthesizeLocalAssembly> {
  const broken = breaks[name];
  if (broken === undefined) throw new Error(`unknown break ${name}; expected one of ${Object.keys(breaks).join(', ')}`);
  const copy = join(folder, 'sources');
  mkdirSync(copy, { recursive: true });
  for (const source of sources) cpSync(join(root, source), join(copy, source), { recursive: true });
  symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));
  const { file, from, to } = broken;
  const text = readFileSync(join(copy, file), 'utf8');
  if (text.split(from).length !== 2) throw new Error(`${file} must contain this text once: ${from}`);
  writeFileSync(
    join(copy, file),
    text.replace(from, () => to),
  );
  // Import the copy's own synthesis, which synthesizes the project that contains it.
  const own = (await import(pathToFileURL(join(copy, 'lib/local/synthesize.ts')).href)) as {
    readonly synthesizeLocalAssembly: typeof synthesizeLocalAssembly;
  };
  return own.synthesizeLocalAssembly(join(folder, 'assembly'));
}
