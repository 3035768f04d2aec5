import { membersOf } from '../../../../../lambdas/engine/provider/credentials/credential-values.ts';
import type {
  CredentialKind,
  CredentialsSpec,
} from '../../../../../lambdas/engine/provider/language/credentials-schema.ts';
import type { ProviderRequest } from '../requests/provider-request.ts';
import { templatePattern } from '../requests/template-pattern.ts';
import { undoTransforms } from '../requests/undo-transforms.ts';
import type { TokenIssuer } from './token-issuer.ts';

/** Credentials that the provider accepts, by kind and member; those of `oauth2` are the vendor's client. */
export type SimulatedCredentials = Readonly<Partial<Record<CredentialKind, Readonly<Record<string, string>>>>>;

/** The credentials of every declared kind: the given ones, the defaults of the definition, or `simulated-<member>`. */
export function simulatedCredentials(spec: CredentialsSpec, given: SimulatedCredentials = {}): SimulatedCredentials {
  return Object.fromEntries(
    kindsOf(spec).map((kind) => {
      const members = kind === 'oauth2' ? oauth2Members : membersOf(spec, kind);
      const own = members.map(({ name, default: usual }) => [name, usual ?? `simulated-${name}`] as const);
      return [kind, { ...Object.fromEntries(own), ...given[kind] }];
    }),
  );
}

const oauth2Members: readonly { readonly name: string; readonly default?: string }[] = [
  { name: 'client_id' },
  { name: 'client_secret' },
];

function kindsOf(spec: CredentialsSpec): readonly CredentialKind[] {
  return (Object.keys(spec) as CredentialKind[]).filter((kind) => spec[kind] !== undefined);
}

export interface CredentialCheck {
  /** The caller; undefined if the credentials are missing or wrong. */
  (request: ProviderRequest, nowMs: number): string | undefined;
}

/** Recognize the credentials that a definition sends. */
export function createCredentialCheck(
  spec: CredentialsSpec,
  configured: SimulatedCredentials,
  tokens: Pick<TokenIssuer, 'ownerOf'>,
): CredentialCheck {
  const checks = kindsOf(spec).map((kind) => checkOfKind(spec, kind, configured[kind] ?? {}, tokens));
  return (request, nowMs) => checks.map((check) => check(request, nowMs)).find((owner) => owner !== undefined);
}

function checkOfKind(
  spec: CredentialsSpec,
  kind: CredentialKind,
  own: Readonly<Record<string, string>>,
  tokens: Pick<TokenIssuer, 'ownerOf'>,
): CredentialCheck {
  if (kind === 'oauth1') return ({ headers }) => (isOAuth1(headers['authorization'] ?? '') ? kind : undefined);
  if (kind === 'aws_sigv4') return ({ headers }) => (isSigV4(headers['authorization'] ?? '') ? kind : undefined);
  const members = { ...own, pair: `${own['username'] ?? ''}:${own['password'] ?? ''}` };
  const said = spec[kind];
  const sent = (said !== undefined && 'sent' in said ? said.sent : undefined) ?? usuallySent(kind);
  const places = [
    ...Object.entries(sent.headers ?? {}).map(([name, text]) => ({ header: name.toLowerCase(), text })),
    ...Object.entries(sent.query ?? {}).map(([name, text]) => ({ parameter: name, text })),
  ].map(({ text, ...place }) => ({ ...place, pattern: templatePattern(text) }));
  return (request, nowMs) => {
    let owner: string | undefined;
    for (const { pattern, ...place } of places) {
      const value =
        'header' in place
          ? request.headers[place.header]
          : request.query.find(([name]) => name === place.parameter)?.[1];
      if (value === undefined && pattern.isOptional) continue;
      const captures = value === undefined ? undefined : pattern.match(value);
      if (captures === undefined) return undefined;
      for (const { placeholder, result } of captures) {
        if (placeholder.root !== 'credential') continue;
        const undone = undoTransforms(placeholder.transforms, result);
        const texts = undone.kind === 'values' ? undone.values.map(String) : [];
        const name = placeholder.path.join('.');
        const found = name === 'access_token' ? ownerIn(tokens, texts, nowMs) : staticOwner(kind, name, members, texts);
        if (found === undefined) return undefined;
        owner = found;
      }
    }
    return owner;
  };
}

function ownerIn(tokens: Pick<TokenIssuer, 'ownerOf'>, texts: readonly string[], nowMs: number): string | undefined {
  return texts.map((text) => tokens.ownerOf(text, nowMs)).find((owner) => owner !== undefined);
}

/** A configured member must be equal. Other members come from the answer that brought the token. */
function staticOwner(
  kind: CredentialKind,
  name: string,
  members: Readonly<Record<string, string>>,
  texts: readonly string[],
): string | undefined {
  const expected = members[name];
  return expected === undefined || texts.includes(expected) ? kind : undefined;
}

function usuallySent(kind: CredentialKind): {
  readonly headers: Readonly<Record<string, string>>;
  readonly query?: Readonly<Record<string, string>>;
} {
  if (kind === 'basic') return { headers: { authorization: "{credential.pair | base64_encode | prepend('Basic ')}" } };
  const member = kind === 'bearer' ? 'token' : 'access_token';
  return { headers: { authorization: `Bearer {credential.${member}}` } };
}

/** @see https://www.rfc-editor.org/rfc/rfc5849#section-3.5.1 */
function isOAuth1(header: string): boolean {
  const names = ['consumer_key', 'token', 'signature_method', 'timestamp', 'nonce', 'signature'];
  return header.startsWith('OAuth ') && names.every((name) => new RegExp(`oauth_${name}="[^"]+"`).test(header));
}

/** @see https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html */
function isSigV4(header: string): boolean {
  return /^AWS4-HMAC-SHA256 Credential=[^/]+\/\d{8}\/[^/]+\/[^/]+\/aws4_request, ?SignedHeaders=[^,]+, ?Signature=[0-9a-f]{64}$/.test(
    header,
  );
}
