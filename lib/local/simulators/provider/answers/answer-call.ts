import type { CallFaults } from '../faults/call-faults.ts';
import { type ChosenCall, idsIn, recordOf } from '../requests/choose-call.ts';
import type { ProviderRequest } from '../requests/provider-request.ts';
import { answerListing } from './answer-listing.ts';
import type { AnswerWorld } from './answer-world.ts';
import { withMissingFields } from './missing-fields.ts';
import { jsonAnswer, type ProviderAnswer } from './provider-answer.ts';

/** Answer a declared call. */
export async function answerCall(
  world: AnswerWorld,
  chosen: ChosenCall,
  request: ProviderRequest,
  call: CallFaults,
): Promise<ProviderAnswer> {
  const { served, match, resources } = chosen;
  const { method } = served.pattern.call;
  const resource = resources[0] ?? '';
  switch (method) {
    case 'get': {
      const record = recordOf(world.stores.get(resource), match, call.faults.lateInGet ? world.nowMs() : undefined);
      if (record === undefined) return served.gone;
      world.counts.countRows(served.pattern.name, 1);
      return served.shape.withRecords([await withMissingFields(world, chosen, record, call)]);
    }
    case 'batch_get':
      return answerBatch(world, chosen, resource, call);
    case 'list':
    case 'changes':
    case 'deletions':
      return answerListing(world, chosen, request, call);
    case 'create':
    case 'update':
    case 'delete':
      return answerWrite(world, chosen, resource, method);
    case 'test':
    case 'token':
    case 'discover':
      return served.shape.withoutRecord;
  }
}

/** Answer with several records. A fault leaves some out, unless the definition reads that as proof that they are gone. */
async function answerBatch(
  world: AnswerWorld,
  chosen: ChosenCall,
  resource: string,
  call: CallFaults,
): Promise<ProviderAnswer> {
  const { served, match } = chosen;
  const { spec } = served.pattern.call;
  const store = world.stores.get(resource);
  const isProof = 'missing' in spec && spec.missing === 'gone';
  const atMs = call.faults.lateInGet ? world.nowMs() : undefined;
  const found = idsIn(match).flatMap((id) => store?.find(id, atMs) ?? []);
  const records = found.filter(
    ({ id }) => isProof || !call.comes('partial-failures', call.faults.omittedPercent, `omit ${id}`),
  );
  world.counts.countRows(served.pattern.name, records.length);
  return served.shape.withRecords(
    await Promise.all(records.map((record) => withMissingFields(world, chosen, record, call))),
  );
}

async function answerWrite(
  { stores, write }: AnswerWorld,
  { served, match }: ChosenCall,
  resource: string,
  method: 'create' | 'update' | 'delete',
): Promise<ProviderAnswer> {
  const change = changeIn(match.bindings);
  if (method === 'create') {
    const answer = await served.shape.withRecords([await write(resource, { kind: 'created', change })]);
    return { ...answer, status: 201 };
  }
  const record = recordOf(stores.get(resource), match);
  if (record === undefined) return served.gone;
  if (method === 'update')
    return served.shape.withRecords([await write(resource, { kind: 'updated', id: record.id, change })]);
  await write(resource, { kind: 'deleted', id: record.id });
  return { ...jsonAnswer(undefined), status: 204 };
}

/** The members that a write sends: the whole `{body}`, or each `{body.<name>}`. */
function changeIn(bindings: ChosenCall['match']['bindings']): Readonly<Record<string, unknown>> {
  const whole = bindings.get('body')?.[0];
  const members = [...bindings].filter(([source]) => source.startsWith('body.'));
  const named = Object.fromEntries(members.map(([source, [value]]) => [source.slice('body.'.length), value]));
  return typeof whole === 'object' && whole !== null ? (whole as Readonly<Record<string, unknown>>) : named;
}
