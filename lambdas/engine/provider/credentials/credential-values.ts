import type { CredentialKind, CredentialsSpec, MemberSpec } from '../language/credentials-schema.ts';

/** The credentials of an account: its kind, what its owner brought, and the token where there is one. */
export interface CredentialValues {
  readonly kind: CredentialKind;
  /** By member: what the owner brought. */
  readonly members: Readonly<Record<string, string>>;
  readonly token?: AccessToken | undefined;
}

export interface AccessToken {
  readonly access: string;
  /** Undefined where the provider gives none. */
  readonly refresh?: string | undefined;
  /** Epoch milliseconds; undefined where the provider does not tell it. */
  readonly expiresAtMs?: number | undefined;
  /** Further members of the token answer. */
  readonly kept?: Readonly<Record<string, string>> | undefined;
}

/** Members that accounts bring, by kind; the others of a kind's specification say how it works. */
export const membersByKind = {
  api_key: ['key'],
  basic: ['username', 'password'],
  bearer: ['token'],
  oauth2: ['access_token', 'refresh_token', 'expires_at'],
  oauth2_client_credentials: ['client_id', 'client_secret'],
  oauth2_jwt_bearer: ['client_id', 'private_key', 'subject'],
  oauth1: ['consumer_key', 'consumer_secret', 'token', 'token_secret'],
  session: ['username', 'password'],
  aws_sigv4: ['access_key_id', 'secret_access_key', 'region'],
} as const satisfies Record<CredentialKind, readonly string[]>;

/** A member of a kind of credentials, for forms and for checks. */
export interface CredentialMember {
  readonly name: string;
  readonly help: string;
  readonly isOptional: boolean;
  readonly default?: string | undefined;
}

/** Help for the members of OAuth tokens, which connecting brings. */
const tokenHelp: Readonly<Record<string, string>> = {
  access_token: 'An access token, where the account was connected elsewhere.',
  refresh_token: 'Its refresh token.',
  expires_at: 'When the access token expires, ISO 8601.',
};

/** The members of a kind, in their order. */
export function membersOf(spec: CredentialsSpec, kind: CredentialKind): readonly CredentialMember[] {
  const said = spec[kind] as Readonly<Record<string, MemberSpec | undefined>> | undefined;
  return membersByKind[kind].flatMap((name): CredentialMember | readonly CredentialMember[] => {
    if (kind === 'oauth2') return { name, help: tokenHelp[name] ?? name, isOptional: name !== 'access_token' };
    const member = said?.[name];
    if (member === undefined) return [];
    if (typeof member === 'string') return { name, help: member, isOptional: false };
    return {
      name,
      help: member.help,
      isOptional: member.optional || member.default !== undefined,
      ...(member.default === undefined ? {} : { default: member.default }),
    };
  });
}

/** What `{credential.…}` reads. */
export function credentialTemplateValues({ members, token }: CredentialValues): Readonly<Record<string, unknown>> {
  return {
    ...members,
    ...token?.kept,
    ...(token === undefined ? {} : { access_token: token.access, refresh_token: token.refresh }),
  };
}
