import type { Body } from '../../engine-client.ts';
import type { Pair } from '../../ui/pairs-field.tsx';
import { linesOf } from '../subscriptions/shaping.ts';
import type { Account, Integration } from './account-status.tsx';

/** What is typed about an account, before it is one. */
export interface AccountDraft {
  readonly id: string;
  readonly name: string;
  readonly tenant: string;
  /** Texts by member; a list has an entry on each line. */
  readonly context: Readonly<Record<string, string>>;
  /** Members of the context that the integration does not name, as JSON. */
  readonly moreContext: string;
  readonly secrets: Readonly<Record<string, string>>;
  /** Secrets that the provider sends in its handshake. */
  readonly captured: readonly string[];
  /** Kind of credentials; empty for none. */
  readonly kind: string;
  readonly members: Readonly<Record<string, string>>;
  readonly baseUrl: string;
  /** Percent of the provider's limits. */
  readonly share: string;
  readonly syncs: 'on' | 'off';
  /** Ranges of addresses, one on each line. */
  readonly allowedRanges: string;
  readonly metadata: readonly Pair[];
}

export function newDraft(integration: Integration, tenant: string): AccountDraft {
  return {
    id: '',
    name: '',
    tenant,
    context: {},
    moreContext: '',
    secrets: {},
    captured: integration.captured_secrets,
    kind: integration.credentials[0]?.type ?? '',
    members: {},
    baseUrl: '',
    share: '',
    syncs: 'on',
    allowedRanges: '',
    metadata: [],
  };
}

/** Texts that are not empty. */
export function filled(texts: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(texts).flatMap(([name, text]) => (text === '' ? [] : [[name, text]])));
}

/** Whether the account's owner consents at the provider, and types no credentials. */
export function isConsent(integration: Integration, kind: string, members: Readonly<Record<string, string>>): boolean {
  const isOffered = integration.credentials.some(({ type, connect }) => type === kind && connect);
  return isOffered && Object.keys(filled(members)).length === 0;
}

/** Credentials as the API takes them; undefined where there are none. */
export function credentialsOf(
  integration: Integration,
  kind: string,
  members: Readonly<Record<string, string>>,
): Readonly<Record<string, unknown>> | undefined {
  return kind === '' || isConsent(integration, kind, members) ? undefined : { type: kind, ...filled(members) };
}

/** An object that was typed as JSON; undefined where it is none. Empty is an empty object. */
export function objectOf(text: string): Readonly<Record<string, unknown>> | undefined {
  if (text.trim() === '') return {};
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Readonly<Record<string, unknown>>)
      : undefined;
  } catch {
    return undefined;
  }
}

/** The context that was typed, over what was there before. */
export function contextOf(
  { context: declared }: Integration,
  typed: Readonly<Record<string, string>>,
  others: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  const named = declared.flatMap(({ name, list }): [string, unknown][] => {
    const text = typed[name]?.trim() ?? '';
    if (text === '') return [];
    const lines = text
      .split('\n')
      .map((line) => line.trim())
      .filter((line) => line !== '');
    return [[name, list ? lines : text]];
  });
  return { ...others, ...Object.fromEntries(named) };
}

/** A value of a context as text. */
export function contextText(value: unknown): string {
  if (Array.isArray(value)) return value.map(contextText).join(', ');
  return typeof value === 'string' ? value : (JSON.stringify(value) ?? '');
}

/** A context as texts to edit, and the members that the integration does not name. */
export function typedContext({ context: declared }: Integration, { context }: Account) {
  const names = new Set(declared.map(({ name }) => name));
  const textOf = (value: unknown) => (Array.isArray(value) ? value.map(contextText).join('\n') : contextText(value));
  const entries = Object.entries(context);
  const others = Object.fromEntries(entries.filter(([name]) => !names.has(name)));
  return {
    typed: Object.fromEntries(
      entries.filter(([name]) => names.has(name)).map(([name, value]) => [name, textOf(value)]),
    ) as Readonly<Record<string, string>>,
    others: Object.keys(others).length === 0 ? '' : JSON.stringify(others, null, 2),
  };
}

const handshakeSeconds = 86_400;

/** The body that creates the account. */
export function accountBody(
  integration: Integration,
  draft: AccountDraft,
  isOperator: boolean,
): Body<'POST /v1/accounts'> {
  const { id, name, tenant, secrets, captured, kind, members, baseUrl, share, syncs, metadata } = draft;
  const ranges = linesOf(draft.allowedRanges);
  const credentials = credentialsOf(integration, kind, members);
  const awaited = captured.filter((secret) => (secrets[secret] ?? '') === '');
  const pairs = metadata.filter(([key]) => key.trim() !== '');
  return {
    integration: integration.name,
    context: contextOf(integration, draft.context, objectOf(draft.moreContext) ?? {}),
    secrets: { ...filled(secrets) },
    ...(id.trim() === '' ? {} : { id: id.trim() }),
    ...(name.trim() === '' ? {} : { name: name.trim() }),
    ...(isOperator && tenant.trim() !== '' ? { tenant: tenant.trim() } : {}),
    ...(credentials === undefined ? {} : { credentials }),
    ...(awaited.length === 0 ? {} : { capture: { secrets: [...awaited], expires_in_seconds: handshakeSeconds } }),
    ...(baseUrl.trim() === '' ? {} : { base_url: baseUrl.trim() }),
    ...(share === '' ? {} : { share: Number(share) / 100 }),
    ...(syncs === 'on' ? {} : { syncs }),
    ...(ranges.length === 0 ? {} : { allowed_ranges: [...ranges] }),
    ...(pairs.length === 0 ? {} : { metadata: Object.fromEntries(pairs.map(([key, value]) => [key.trim(), value])) }),
  };
}
