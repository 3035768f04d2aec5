import { createHash } from 'node:crypto';
import { prepareCall, prepareUrl } from '../../outbound/outbound-call.ts';
import { firstValues, valuesOf } from '../../request/secret-values.ts';
import type { SecretValues } from '../../request/webhook-request.ts';
import { parseSource, readSource, type TemplateInput } from '../../template/template.ts';
import { hasPath, hasSyntax } from '../signatures/value-syntax.ts';
import type { Verdict } from '../verdict.ts';
import type { KeyRequest } from './key-request.ts';
import type { RemoteKeySpec } from './remote-key-schema.ts';

/** Keys (PEM or JWK) by the locator of their request; an empty list if the provider has no such key. */
export type KeyRing = ReadonlyMap<string, readonly string[]>;

/** Where a check finds its public key. */
export interface KeySource {
  /** Secret that holds the key; optional if the provider publishes the key. */
  readonly secret: string;
  /** Undefined if only the secret holds the key. */
  readonly remote: ((input: TemplateInput) => KeyRequest | Rejected) | undefined;
}

type Rejected = Extract<Verdict, { kind: 'rejected' }>;

export type KeysFound =
  | { readonly kind: 'keys'; readonly keys: readonly string[] }
  | Exclude<Verdict, { kind: 'verified' }>;

/** The secret that holds a key, or that pins a published key. */
export function secretOf(key: string | RemoteKeySpec): string {
  return typeof key === 'string' ? key : key.pinned;
}

export function prepareKeySource(key: string | RemoteKeySpec): KeySource {
  return { secret: secretOf(key), remote: typeof key === 'string' ? undefined : prepareRemote(key) };
}

/** The keys to try: those of the account's secret, otherwise those that the provider publishes. */
export function findKeys(
  source: KeySource,
  input: TemplateInput,
  { secrets, keys }: { readonly secrets: SecretValues; readonly keys: KeyRing },
): KeysFound {
  const configured = valuesOf(secrets, source.secret);
  if (configured.length > 0) return { kind: 'keys', keys: configured };
  if (source.remote === undefined) return { kind: 'rejected', reason: 'secret-not-configured', detail: source.secret };
  const request = source.remote({ ...input, secrets: { ...firstValues(secrets), ...input.secrets } });
  if (request.kind === 'rejected') return request;
  const found = keys.get(request.locator);
  if (found === undefined) return { kind: 'key-needed', request, pinned: source.secret };
  return found.length === 0 ? { kind: 'rejected', reason: 'key-unknown' } : { kind: 'keys', keys: found };
}

function prepareRemote(spec: RemoteKeySpec): NonNullable<KeySource['remote']> {
  const { certificate, jwks, oidc, call } = spec;
  if (certificate !== undefined) {
    const readUrl = prepareUrl(certificate);
    const { names, issuers = [], path } = certificate;
    return (input) => {
      const url = readUrl(input);
      if (url.kind === 'rejected') return url;
      if (path !== undefined && !hasPath(new URL(url.url), path))
        return { kind: 'rejected', reason: 'url-not-allowed', detail: certificate.url };
      return located({ kind: 'certificate', url: url.url, names, issuers });
    };
  }
  if (call !== undefined) {
    const readCall = prepareCall(call);
    const select = call.select?.split('.') ?? [];
    const parts = Object.entries(call.parts).map(([name, syntax]) => ({ name, syntax, from: parseSource(name) }));
    return (input) => {
      // Check the syntax of the parts before the call: a value with another syntax cannot name a key of this provider.
      for (const { name, syntax, from } of parts) {
        const value = from === undefined ? undefined : readSource(from, input);
        if (typeof value !== 'string' || !hasSyntax(value, syntax))
          return { kind: 'rejected', reason: 'key-id-malformed', detail: name };
      }
      const read = readCall(input);
      return read.kind === 'rejected' ? read : located({ kind: 'call', call: read.call, select });
    };
  }
  const [kind, url] = jwks === undefined ? (['oidc', oidc as string] as const) : (['jwks', jwks] as const);
  return (input) => {
    const header = input.jwt?.header as Readonly<Record<string, unknown>> | undefined;
    const keyId = header?.['kid'];
    return located({ kind, url, keyId: typeof keyId === 'string' ? keyId : undefined });
  };
}

type Unlocated = KeyRequest extends infer R ? (R extends KeyRequest ? Omit<R, 'locator'> : never) : never;

function located(request: Unlocated): KeyRequest {
  const locator = createHash('sha256').update(JSON.stringify(request)).digest('base64url');
  return { ...request, locator };
}
