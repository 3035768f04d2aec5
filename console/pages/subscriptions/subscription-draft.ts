import type { Answer, Body } from '../../engine-client.ts';
import { entriesOf } from '../../ui/list-field.tsx';
import type { Pair } from '../../ui/pairs-field.tsx';
import { type DestinationDraft, destinationDraftOf, emptyDestination, receiverOf } from './destination.ts';
import { emptyShaping, linesOf, orNull, type ShapingDraft, shapingDraftOf, shapingOf } from './shaping.ts';

export type Subscription = Answer<'GET /v1/subscriptions/{id}'>;
export type NewSubscription = Body<'POST /v1/subscriptions'>;
export type SubscriptionPatch = Body<'PATCH /v1/subscriptions/{id}'>;

/** A subscription as one types it. Lists are texts with commas; empty texts mean the default. */
export interface Draft extends ShapingDraft, DestinationDraft {
  readonly id: string;
  readonly description: string;
  /** Empty for all tenants. */
  readonly tenant: string;
  readonly metadata: readonly Pair[];
  readonly types: string;
  readonly resources: string;
  readonly integrations: string;
  readonly accounts: string;
  readonly previousBy: 'none' | 'all' | 'some';
  readonly previousPaths: string;
  readonly encryptPaths: string;
  /** A JWK as JSON. */
  readonly encryptKey: string;
  /** `hris/employees@1` */
  readonly schemaVersions: string;
  readonly isBatched: boolean;
  readonly batchEvents: string;
  readonly batchWait: string;
  readonly ordering: string;
  readonly rate: string;
  readonly concurrency: string;
  readonly timeout: string;
  readonly retrySchedule: string;
  readonly retryMaxAge: string;
  readonly disableAfter: string;
  readonly signatures: 'v1' | 'both';
  /** `keep`: what is stored, which no answer shows. */
  readonly authBy: 'keep' | 'none' | 'basic' | 'bearer' | 'oauth2';
  readonly username: string;
  readonly password: string;
  readonly token: string;
  readonly tokenUrl: string;
  readonly clientId: string;
  readonly clientSecret: string;
  readonly scope: string;
  readonly audience: string;
  readonly authStyle: string;
  readonly headersBy: 'keep' | 'new';
  readonly headers: readonly Pair[];
  readonly certificateBy: 'keep' | 'none' | 'new';
  readonly certificate: string;
  readonly privateKey: string;
}

/** What one types for a schedule without waits. */
export const noRetries = 'none';

export const emptyDraft: Draft = {
  ...emptyShaping,
  ...emptyDestination,
  id: '',
  description: '',
  tenant: '',
  metadata: [],
  types: '',
  resources: '',
  integrations: '',
  accounts: '',
  previousBy: 'none',
  previousPaths: '',
  encryptPaths: '',
  encryptKey: '',
  schemaVersions: '',
  isBatched: false,
  batchEvents: '20',
  batchWait: '5',
  ordering: 'none',
  rate: '',
  concurrency: '',
  timeout: '',
  retrySchedule: '',
  retryMaxAge: '',
  disableAfter: '',
  signatures: 'v1',
  authBy: 'none',
  username: '',
  password: '',
  token: '',
  tokenUrl: '',
  clientId: '',
  clientSecret: '',
  scope: '',
  audience: '',
  authStyle: 'basic',
  headersBy: 'new',
  headers: [],
  certificateBy: 'none',
  certificate: '',
  privateKey: '',
};

/** The draft of what is stored. Credentials stay with the engine. */
export function draftOf(subscription: Subscription): Draft {
  const { include_previous: previous, encrypt, batch, auth, retry } = subscription;
  return {
    ...emptyDraft,
    ...shapingDraftOf(subscription),
    ...destinationDraftOf(subscription.url, subscription.destination),
    id: subscription.id,
    description: subscription.description ?? '',
    tenant: subscription.tenant ?? '',
    metadata: Object.entries(subscription.metadata),
    types: subscription.types.join(', '),
    resources: subscription.resources.join(', '),
    integrations: subscription.integrations.join(', '),
    accounts: subscription.accounts.join(', '),
    previousBy: previous === null ? 'none' : previous === true ? 'all' : 'some',
    previousPaths: Array.isArray(previous) ? previous.join('\n') : '',
    encryptPaths: encrypt?.fields.join('\n') ?? '',
    encryptKey: encrypt === null ? '' : JSON.stringify(encrypt.jwk),
    schemaVersions: Object.entries(subscription.schema_versions)
      .map(([resource, major]) => `${resource}@${major}`)
      .join(', '),
    isBatched: batch !== null,
    batchEvents: String(batch?.max_events ?? emptyDraft.batchEvents),
    batchWait: String(batch?.max_wait_seconds ?? emptyDraft.batchWait),
    ordering: subscription.ordering,
    rate: textOf(subscription.rate_per_second),
    concurrency: textOf(subscription.concurrency),
    timeout: textOf(subscription.timeout_seconds),
    retrySchedule: retry.schedule_seconds.length === 0 ? noRetries : retry.schedule_seconds.join(', '),
    retryMaxAge: textOf(retry.max_age_seconds),
    disableAfter: textOf(subscription.disable_after_seconds),
    signatures: subscription.signatures.includes('v1a') ? 'both' : 'v1',
    authBy: auth === null ? 'none' : 'keep',
    headersBy: Object.keys(subscription.headers).length === 0 ? 'new' : 'keep',
    certificateBy: subscription.client_certificate === null ? 'none' : 'keep',
  };
}

const textOf = (value: number | null) => (value === null ? '' : String(value));

/** What is not a number is sent as it is: then the API's fault stands beside the field. */
export function numberOf(text: string): number | string | null {
  const trimmed = text.trim();
  if (trimmed === '') return null;
  const number = Number(trimmed);
  return Number.isFinite(number) ? number : trimmed;
}

const pairsOf = (pairs: readonly Pair[]) =>
  Object.fromEntries(pairs.filter(([name]) => name.trim() !== '').map(([name, value]) => [name.trim(), value]));

/** All members but `id` and `tenant`: null for the default, undefined for what stays as it is stored. */
function membersOf(draft: Draft): Readonly<Record<string, unknown>> {
  const { isBatched, previousBy, headersBy, signatures } = draft;
  return {
    ...receiverOf(draft),
    description: orNull(draft.description),
    metadata: draft.metadata.length === 0 ? null : pairsOf(draft.metadata),
    types: entriesOf(draft.types),
    resources: entriesOf(draft.resources),
    integrations: entriesOf(draft.integrations),
    accounts: entriesOf(draft.accounts),
    ...shapingOf(draft),
    include_previous: previousBy === 'none' ? null : previousBy === 'all' ? true : linesOf(draft.previousPaths),
    encrypt: encryptOf(draft),
    schema_versions: versionsOf(draft.schemaVersions),
    batch: isBatched ? { max_events: numberOf(draft.batchEvents), max_wait_seconds: numberOf(draft.batchWait) } : null,
    ordering: draft.ordering,
    rate_per_second: numberOf(draft.rate),
    concurrency: numberOf(draft.concurrency),
    timeout_seconds: numberOf(draft.timeout),
    retry: retryOf(draft),
    disable_after_seconds: numberOf(draft.disableAfter),
    signatures: signatures === 'both' ? ['v1', 'v1a'] : ['v1'],
    auth: authOf(draft),
    headers: headersBy === 'keep' ? undefined : draft.headers.length === 0 ? null : pairsOf(draft.headers),
    client_certificate: certificateOf(draft),
  };
}

function encryptOf({ encryptPaths, encryptKey }: Draft) {
  if (encryptPaths.trim() === '' && encryptKey.trim() === '') return null;
  let jwk: unknown = encryptKey;
  try {
    jwk = JSON.parse(encryptKey);
  } catch {
    // The API says that it is none.
  }
  return { fields: linesOf(encryptPaths), jwk };
}

function versionsOf(text: string) {
  const pins = entriesOf(text).map((entry) => entry.split('@'));
  return pins.length === 0
    ? null
    : Object.fromEntries(pins.map(([resource = '', ...major]) => [resource.trim(), numberOf(major.join('@'))]));
}

function retryOf({ retrySchedule, retryMaxAge }: Draft) {
  const isNone = retrySchedule.trim() === noRetries;
  const waits = isNone ? [] : entriesOf(retrySchedule).map(numberOf);
  const maxAge = numberOf(retryMaxAge);
  const isUsual = waits.length === 0 && !isNone;
  if (isUsual && maxAge === null) return null;
  return {
    ...(isUsual ? {} : { schedule_seconds: waits }),
    ...(maxAge === null ? {} : { max_age_seconds: maxAge }),
  };
}

function authOf(draft: Draft) {
  switch (draft.authBy) {
    case 'keep':
      return undefined;
    case 'none':
      return null;
    case 'basic':
      return { type: 'basic', username: draft.username, password: draft.password };
    case 'bearer':
      return { type: 'bearer', token: draft.token };
    case 'oauth2':
      return {
        type: 'oauth2',
        token_url: draft.tokenUrl.trim(),
        client_id: draft.clientId,
        client_secret: draft.clientSecret,
        ...(draft.scope === '' ? {} : { scope: draft.scope }),
        ...(draft.audience === '' ? {} : { audience: draft.audience }),
        auth_style: draft.authStyle,
      };
  }
}

function certificateOf({ certificateBy, certificate, privateKey }: Draft) {
  if (certificateBy === 'keep') return undefined;
  return certificateBy === 'none' ? null : { certificate, private_key: privateKey };
}

/** @param isForAll - Whether the caller may leave the tenant out, which means all tenants. */
export function creationOf(draft: Draft, isForAll: boolean): NewSubscription {
  const given = Object.entries(membersOf(draft)).filter(([, value]) => value !== undefined && value !== null);
  const { id, tenant } = draft;
  return {
    ...Object.fromEntries(given),
    ...(id.trim() === '' ? {} : { id: id.trim() }),
    ...(isForAll ? { tenant: tenant.trim() === '' ? null : tenant.trim() } : {}),
  };
}

/** The members that differ from what was stored when the form was opened. */
export function patchOf(draft: Draft, before: Draft): SubscriptionPatch {
  const stored = membersOf(before);
  const changed = Object.entries(membersOf(draft)).filter(
    ([name, value]) => value !== undefined && JSON.stringify(value) !== JSON.stringify(stored[name]),
  );
  return Object.fromEntries(changed) as SubscriptionPatch;
}
