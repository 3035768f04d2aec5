import { createHash } from 'node:crypto';

/** Where a request came from, and how it is named. */
export interface MappingContext {
  readonly tenant: string;
  readonly account: string;
  readonly integration: string;
  /** ISO 8601. */
  readonly receivedAt: string;
  /** The account's context, for the mappings of resources. */
  readonly accountContext?: Readonly<Record<string, unknown>>;
  /** The provider's id of the delivery; undefined if it sends none. */
  readonly deliveryId: string | undefined;
  /** Id of this acceptance. It names a change that nothing in the request names. @default a digest of the body */
  readonly acceptanceId?: string | undefined;
  readonly rawBody: Buffer;
}

/** Where a request came from, with the name that {@link deliveryNameOf} has found. */
export interface NamedMappingContext extends Omit<MappingContext, 'deliveryId' | 'acceptanceId' | 'rawBody'> {
  readonly deliveryId: string;
  /** Set only if `deliveryId` is a digest of the body: names the change of a thin event without a time. */
  readonly acceptanceId?: string;
}

/**
 * Name of a delivery: the provider's id of it, or a digest of its body.
 *
 * A thin event says which record changed, not how. Two changes of a record may have the same body, and the second
 * must not look like a repetition of the first. So a digest comes with the id of the acceptance, which names a thin
 * event instead.
 */
export function deliveryNameOf({
  deliveryId,
  acceptanceId,
  rawBody,
}: Pick<MappingContext, 'deliveryId' | 'acceptanceId' | 'rawBody'>): Pick<
  NamedMappingContext,
  'deliveryId' | 'acceptanceId'
> {
  if (deliveryId !== undefined) return { deliveryId };
  const digest = createHash('sha256').update(rawBody).digest('hex');
  return { deliveryId: digest, ...(acceptanceId === undefined ? {} : { acceptanceId }) };
}

/** What one event of a mapping says of its record. */
export interface MappedChange {
  readonly change: 'created' | 'updated' | 'deleted';
  /** The record's version, as the provider writes it. */
  readonly version?: string | undefined;
  /** The provider's name of the change, the same when it sends the change again. */
  readonly name: string;
  /** Whether it only says that the record is not one of the resource: of an unknown record, it says nothing. */
  readonly isAbsence?: true;
  /** What a read of the full record needs besides its id; undefined where the event is not thin. */
  readonly address?: Readonly<Record<string, unknown>>;
}
