import { limits } from '../../contracts/limits.ts';
import type { RawMessage } from '../../contracts/messages.ts';
import { normalizeSpan, traceOfRequest } from '../../engine/trace/trace-ids.ts';
import { forEachAtMost } from '../concurrency/for-each-at-most.ts';
import { askForFetches } from '../enrich/ask-for-fetch.ts';
import type { Publication } from '../publish/publication.ts';
import { publishEvents } from '../publish/publish-events.ts';
import { archiveEnded } from './archive-ended.ts';
import { compareTrials } from './compare-trials.ts';
import { settleConfirmation } from './confirm-handshake.ts';
import { confirmOwners } from './find-owners.ts';
import { mapDelivery } from './map-delivery.ts';
import type {
  Mapping,
  Normalization,
  NormalizePorts,
  PollNow,
  RawDelivery,
  SettledMapping,
  TenantPublication,
  Trial,
} from './normalization.ts';

/** Bodies held in memory at the same time. */
const maxMappedAtATime = 4;

/**
 * Turn accepted requests into published events, and keep the requests in the raw archive. Only failed requests are
 * redelivered, and requests that could not be archived; the events of the latter are not published twice.
 */
export async function normalizeWebhooks(
  ports: NormalizePorts,
  deliveries: readonly RawDelivery[],
): Promise<readonly Normalization[]> {
  const mappings = Array.from<Mapping>({ length: deliveries.length });
  await forEachAtMost(maxMappedAtATime, [...deliveries.entries()], async ([index, delivery]) => {
    mappings[index] = await mapDelivery(ports, delivery).catch((error: unknown) => ({ kind: 'failed', error }));
  });
  await failUnconfirmed(ports, mappings);
  const candidates = mappings.flatMap((mapping, index) =>
    candidatesOf(mapping, deliveries[index] as RawDelivery, index),
  );
  const fetched = candidates.filter(({ fetch }) => fetch !== undefined);
  const own = candidates.filter(({ fetch }) => fetch === undefined);
  // Archiving never fails as a whole; a run that ends with an error must not leave it half done.
  const [publishing, fetching, archiving, polling] = await Promise.allSettled([
    own.length === 0 ? [] : publishEvents(ports, own),
    fetched.length === 0
      ? undefined
      : askForFetches(
          ports,
          fetched.flatMap(({ fetch }) => fetch ?? []),
        ),
    archiveEnded(ports, deliveries, mappings),
    askForPolls(ports, deliveries, mappings),
  ]);
  if (publishing.status === 'rejected') throw publishing.reason;
  if (archiving.status === 'rejected') throw archiving.reason;
  const archived = archiving.value;
  const published = new Map<object, Publication | { readonly kind: 'enriching' }>([
    ...own.map((candidate, place) => [candidate, publishing.value[place] as Publication] as const),
    ...fetched.map((candidate) => [candidate, fetchedAs(fetching)] as const),
  ]);
  // Make the calls last and in parallel: a provider that does not answer must not delay the events of others.
  const settled = await Promise.all(mappings.map(settleConfirmation));
  await compareTrials(ports, mappings.flatMap(trialsOf));
  return settled.map((mapping, index): Normalization => {
    const unarchived = archived[index];
    if (unarchived !== undefined) return { kind: 'failed', error: unarchived.error };
    if (polling.status === 'rejected' && pollsOf(mapping).length > 0) return { kind: 'failed', error: polling.reason };
    if (mapping.kind !== 'events') return withoutOwners(mapping);
    const publications = candidates.flatMap((candidate): readonly TenantPublication[] => {
      const publication = published.get(candidate);
      if (candidate.index !== index || publication === undefined) return [];
      return [{ ...publication, tenant: candidate.event.tenant }];
    });
    const failure = publications.find((publication) => publication.kind === 'failed');
    if (failure !== undefined) return { kind: 'failed', error: failure.error };
    const { tenant, drifts } = mapping;
    return { kind: 'mapped', publications, drifts, ...(tenant === undefined ? {} : { tenant }) };
  });
}

/** The events of one request, with the place of the request in its batch. */
function candidatesOf(mapping: Mapping, { message, receiveCount = 1 }: RawDelivery, index: number) {
  if (mapping.kind !== 'events') return [];
  // SQS moves a message that fails once more to the dead-letter queue.
  const isLastTry = receiveCount >= limits.maxReceiveCount;
  const isRetry = receiveCount > 1;
  const parentSpanId = normalizeSpan(traceOfRequest(message.rawId));
  const input = { owner: ownerOf(message), hops: message.hops, parentSpanId, isLastTry, isRetry, index };
  return mapping.events.map((one) => ({ ...one, ...input }));
}

/** Ask for the polls of all requests, each once. */
async function askForPolls(
  { pollQueue }: NormalizePorts,
  deliveries: readonly RawDelivery[],
  mappings: readonly Mapping[],
): Promise<void> {
  const polls = mappings.flatMap((mapping, index) => {
    const trace = traceOfRequest((deliveries[index] as RawDelivery).message.rawId);
    return pollsOf(mapping).map((poll) => ({ poll, trace }));
  });
  const asked = new Map(polls.map((one) => [JSON.stringify(one.poll), one]));
  await Promise.all(
    [...asked.values()].map(({ poll, trace }) => pollQueue.send({ kind: 'poll-now', ...poll, trace }, 0)),
  );
}

function trialsOf(mapping: Mapping): readonly Trial[] {
  return 'trials' in mapping ? (mapping.trials ?? []) : [];
}

function pollsOf(mapping: Mapping): readonly PollNow[] {
  return 'polls' in mapping ? (mapping.polls ?? []) : [];
}

function fetchedAs(asking: PromiseSettledResult<unknown>): Publication | { readonly kind: 'enriching' } {
  return asking.status === 'rejected' ? { kind: 'failed', error: asking.reason } : { kind: 'enriching' };
}

/** Fail each request whose owners have changed: it is redelivered and read again. */
async function failUnconfirmed(ports: NormalizePorts, mappings: Mapping[]): Promise<void> {
  const told = mappings.flatMap((mapping, index) =>
    'ownership' in mapping && mapping.ownership !== undefined ? [{ index, ownership: mapping.ownership }] : [],
  );
  const confirmed = await confirmOwners(
    ports,
    told.map(({ ownership }) => ownership),
  ).catch((error: unknown) => told.map(() => error));
  for (const [place, { index }] of told.entries())
    if (confirmed[place] !== true) mappings[index] = { kind: 'failed', error: confirmed[place] };
}

/** Remove accounts, which hold secrets, from an outcome: it is logged and counted. */
function withoutOwners(
  mapping: Exclude<SettledMapping, { kind: 'events' }>,
): Exclude<Normalization, { kind: 'mapped' }> {
  const { owners: _, ownership: __, polls: ___, trials: ____, ...outcome } = mapping;
  return outcome;
}

/** The owner that claims a message's events. An archived message is another input than the original message. */
function ownerOf({ rawId, archived }: RawMessage): string {
  return archived === true ? `reprocess:${rawId}` : rawId;
}
