import type { EventRow } from '../../ports/events/event-store.ts';
import type { TenantPolicy } from '../../ports/tenants/tenant-store.ts';
import type { Candidate, PublishPorts } from './publication.ts';

/**
 * The row of an event. Data above the claim threshold is put into the claim store first.
 *
 * @param prior - Sequence number of the record's event before it; undefined where it has none.
 */
export async function toEventRow(
  { payloads, claimThresholdBytes }: Pick<PublishPorts, 'payloads' | 'claimThresholdBytes'>,
  policy: TenantPolicy | undefined,
  { event, hops = 1 }: Pick<Candidate, 'event' | 'hops'>,
  sequence: number,
  prior?: number,
): Promise<EventRow> {
  const { data, ...rest } = event;
  const metadata = {
    ...rest,
    ...(hops === 1 ? {} : { hops }),
    ...(prior === undefined ? {} : { prior }),
    ...(policy?.delivery?.mode === 'pull' ? { pullOnly: true as const } : {}),
  };
  const text = JSON.stringify(data);
  const dataBytes = Buffer.byteLength(text);
  if (dataBytes <= claimThresholdBytes)
    return { ...metadata, sequence, inlineData: text, claimKey: undefined, dataBytes };
  const claimKey = `${event.tenant}/${event.id}`;
  await payloads.put(claimKey, Buffer.from(text), 'application/json', policy?.eventsDays);
  return { ...metadata, sequence, inlineData: undefined, claimKey, dataBytes };
}
