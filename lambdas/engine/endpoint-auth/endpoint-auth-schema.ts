import { z } from 'zod';
import { connectionHeaders } from '../../contracts/connection-headers.ts';
import { type ClientCertificate, certificateFaults, validityFault } from './client-certificate.ts';

/** A text whose error messages never quote the value, which is often a secret (invariant 10). */
const text = (maxLength: number, pattern: RegExp, expected: string) =>
  z
    .string()
    .min(1)
    .max(maxLength)
    .regex(pattern, { error: `expected ${expected}` });

const visible = /^[\x21-\x7e]*$/;
const printable = /^[\x20-\x7e]*$/;
// oxlint-disable-next-line no-control-regex -- it matches control characters on purpose
const withoutControl = /^[^\x00-\x1f\x7f]*$/;

/** A colon ends the user name. @see https://www.rfc-editor.org/rfc/rfc7617 */
const basicAuth = z.strictObject({
  type: z.literal('basic'),
  // oxlint-disable-next-line no-control-regex -- it matches control characters on purpose
  username: text(256, /^[^:\x00-\x1f\x7f]*$/, 'a user name without ":" and control characters'),
  password: text(1024, withoutControl, 'a password without control characters'),
});

const bearerAuth = z.strictObject({
  type: z.literal('bearer'),
  token: text(4096, visible, 'visible ASCII characters'),
});

/** A token from the client credentials grant. @see https://www.rfc-editor.org/rfc/rfc6749#section-4.4 */
const oauth2Auth = z.strictObject({
  type: z.literal('oauth2'),
  token_url: z
    .string()
    .max(2048)
    .refine(isTokenUrl, { error: 'expected an absolute https URL without user name, password and fragment' }),
  client_id: text(1024, printable, 'printable ASCII characters'),
  client_secret: text(4096, printable, 'printable ASCII characters'),
  scope: text(
    1024,
    /^[\x21\x23-\x5b\x5d-\x7e]+( [\x21\x23-\x5b\x5d-\x7e]+)*$/,
    'scopes separated by one space',
  ).optional(),
  /** The parameter `audience`, which Auth0 and others require. */
  audience: text(1024, printable, 'printable ASCII characters').optional(),
  /** How the client authenticates: with HTTP Basic, or with members of the body. */
  auth_style: z.enum(['basic', 'body']).default('basic'),
});

/** Prefixes of headers that only the engine sets: signatures, replays, hops. */
const reservedPrefixes = ['webhook-', 'tributary-'];
/** Headers that only the engine sets: they describe the connection, the body, or the trace. */
const reservedHeaders: ReadonlySet<string> = new Set([
  ...connectionHeaders,
  'expect',
  'host',
  'content-encoding',
  'content-length',
  'content-type',
  'traceparent',
]);
const maxHeaders = 20;

/** @see https://www.rfc-editor.org/rfc/rfc9110#name-tokens */
const headerName = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}$/;

const requestHeaders = z
  .record(z.string(), text(4096, printable, 'printable ASCII characters'))
  .superRefine((headers, context) => {
    const names = Object.keys(headers);
    const fault = (message: string, path: string[] = []) => context.addIssue({ code: 'custom', message, path });
    if (names.length > maxHeaders) fault(`expected at most ${maxHeaders} headers, got ${names.length}`);
    const seen = new Set<string>();
    for (const [index, name] of names.entries()) {
      const lower = name.toLowerCase();
      // An invalid name may be a secret in the wrong place, so report its position only.
      if (!headerName.test(name)) fault(`the name of header ${index + 1} is not a valid HTTP header name`);
      else if (reservedHeaders.has(lower) || reservedPrefixes.some((prefix) => lower.startsWith(prefix)))
        fault('this header is reserved for the engine', [name]);
      else if (seen.has(lower)) fault('this header occurs twice', [name]);
      seen.add(lower);
    }
  });

const clientCertificate = z
  .strictObject({ certificate: z.string().max(32_768), private_key: z.string().max(16_384) })
  .superRefine((pair, context) => {
    for (const { path, message } of certificateFaults(pair))
      context.addIssue({ code: 'custom', message, path: [path] });
  });

/**
 * Members of a subscription's body that say how to call its endpoint, in addition to the URL.
 *
 * @example
 * { "auth": { "type": "oauth2", "token_url": "https://login.example.com/token",
 *             "client_id": "tributary", "client_secret": "…", "scope": "hooks" },
 *   "headers": { "x-team": "payments" }, "timeout_seconds": 20 }
 */
export const endpointFields = {
  auth: z.discriminatedUnion('type', [basicAuth, bearerAuth, oauth2Auth]).optional(),
  headers: requestHeaders.default({}),
  client_certificate: clientCertificate.optional(),
  /** Timeout of the whole call. */
  timeout_seconds: z.int().min(1).max(30).default(15),
};

export type EndpointAuth = NonNullable<z.output<(typeof endpointFields)['auth']>>;
/** A client that fetches its token. */
export type OauthClient = Extract<EndpointAuth, { type: 'oauth2' }>;

/** The output of {@link endpointFields}. */
export interface EndpointSettings {
  readonly auth?: EndpointAuth | undefined;
  readonly headers: Readonly<Record<string, string>>;
  readonly client_certificate?: ClientCertificate | undefined;
  readonly timeout_seconds: number;
}

/**
 * Check what depends on several fields or on the time. For the `superRefine` of an object that includes
 * {@link endpointFields}.
 *
 * @example
 * z.strictObject({ url: z.string(), ...endpointFields }).superRefine(checkEndpoint(clock.nowMs()))
 */
export function checkEndpoint(nowMs: number) {
  return (settings: Partial<EndpointSettings>, context: z.core.$RefinementCtx): void => {
    const authorization = doubledAuthorization(settings);
    if (authorization !== undefined)
      context.addIssue({ code: 'custom', message: doubledAuthorizationFault, path: ['headers', authorization] });
    const fault =
      settings.client_certificate === undefined
        ? undefined
        : validityFault(settings.client_certificate.certificate, nowMs);
    if (fault !== undefined)
      context.addIssue({ code: 'custom', message: fault, path: ['client_certificate', 'certificate'] });
  };
}

export const doubledAuthorizationFault = 'auth sets this header, so give only one of the two';

/** The header that duplicates `auth`; undefined if there is none. */
export function doubledAuthorization({ auth, headers = {} }: Partial<EndpointSettings>): string | undefined {
  if (auth === undefined) return undefined;
  return Object.keys(headers).find((name) => name.toLowerCase() === 'authorization');
}

/** A closed object with only {@link endpointFields}. */
export function endpointSettingsSchema(nowMs: number) {
  return z.strictObject(endpointFields).superRefine(checkEndpoint(nowMs));
}

/** Whether a text can be a token URL. The egress policy checks its addresses, and whether plain http is allowed. */
function isTokenUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, username, password, hash } = new URL(text);
  return (protocol === 'https:' || protocol === 'http:') && username === '' && password === '' && hash === '';
}
