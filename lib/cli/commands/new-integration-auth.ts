import { parseCallTemplate, placeholdersIn } from '../../../lambdas/engine/provider/request/call-template.ts';

/** The credentials of a kind, as a definition declares them, and as an exchange has them. */
interface WrittenKind {
  readonly declared: (title: string, origin: string) => readonly string[];
  readonly members: Readonly<Record<string, string>>;
  readonly header: readonly [name: string, value: string];
}

const quoted = (text: string) => JSON.stringify(text);

/** The kinds of credentials that `new` can write. */
export const authKinds = {
  api_key: {
    declared: (title) => [
      `key: ${quoted(`An API key (${title} > Settings > API).`)}`,
      '# Where calls carry it: in a header, or in the query.',
      'sent: { headers: { X-Api-Key: "{credential.key}" } }',
    ],
    members: { key: 'example-key' },
    header: ['X-Api-Key', 'example-key'],
  },
  basic: {
    declared: (title) => [
      `username: ${quoted(`The name of an API user (${title} > Settings > API).`)}`,
      'password: Its password.',
    ],
    members: { username: 'example-user', password: 'example-password' },
    header: ['Authorization', `Basic ${Buffer.from('example-user:example-password').toString('base64')}`],
  },
  bearer: {
    declared: (title) => [`token: ${quoted(`An access token (${title} > Settings > API).`)}`],
    members: { token: 'example-token' },
    header: ['Authorization', 'Bearer example-token'],
  },
  oauth2: {
    declared: (_, origin) => [
      '# The client of your company is in the settings of the integration; accounts consent, and get a token.',
      `authorize_url: ${quoted(`${origin}/oauth/authorize`)}`,
      `token_url: ${quoted(`${origin}/oauth/token`)}`,
      'scopes: [read]',
      '# What becomes of a refresh token that was used: rotating, single-use, keep, or none.',
      'refresh: rotating',
    ],
    members: { access_token: 'example-access-token' },
    header: ['Authorization', 'Bearer example-access-token'],
  },
} as const satisfies Record<string, WrittenKind>;

export type AuthKind = keyof typeof authKinds;

/** Why a text is no base URL; undefined for one. */
export function baseUrlFault(text: string): string | undefined {
  const expected =
    'expected https://…, such as https://api.example.com/v1 or https://{context.subdomain}.example.com/api';
  if (!/^(https?:\/\/[^/]|\{context\.)/.test(text) || /[\s?#]/.test(text)) return expected;
  const parsed = parseCallTemplate(text);
  if (parsed.kind === 'fault') return parsed.message;
  return placeholdersIn(parsed.template).every(({ root }) => root === 'context') ? undefined : expected;
}

/** Names of the context values in a base URL. */
export function contextNames(baseUrl: string): readonly string[] {
  const parsed = parseCallTemplate(baseUrl);
  return parsed.kind === 'fault' ? [] : placeholdersIn(parsed.template).map(({ path }) => path.join('.'));
}
