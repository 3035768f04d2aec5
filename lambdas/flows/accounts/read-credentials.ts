import type { Definition } from '../../engine/definition/schema.ts';
import { type CredentialValues, membersOf } from '../../engine/provider/credentials/credential-values.ts';
import type { CredentialKind } from '../../engine/provider/language/credentials-schema.ts';

/** Why credentials, or what goes with them, do not fit their integration. */
export interface CredentialFault {
  /** Path in the body, such as `credentials.key`. */
  readonly path: string;
  readonly message: string;
}

export type ReadCredentials =
  | { readonly kind: 'credentials'; readonly values: CredentialValues }
  | { readonly kind: 'faults'; readonly faults: readonly CredentialFault[] };

/** Longest value of a member; a private key in PEM form has some 3,000 characters. */
const maxCharacters = 16_384;

/** Check the credentials of a caller against the kinds that the integration declares. Faults quote no value. */
export function readCredentials({ api, name }: Definition, given: Readonly<Record<string, unknown>>): ReadCredentials {
  const faulty = (...faults: CredentialFault[]): ReadCredentials => ({ kind: 'faults', faults });
  if (api === undefined)
    return faulty({
      path: 'credentials',
      message: `the integration "${name}" calls no API, so it takes no credentials`,
    });
  const kinds = (Object.keys(api.credentials) as CredentialKind[]).filter(
    (kind) => api.credentials[kind] !== undefined,
  );
  const { type = kinds.length === 1 ? kinds[0] : undefined, ...members } = given;
  const kind = kinds.find((one) => one === type);
  if (kind === undefined) return faulty({ path: 'credentials.type', message: `expected one of ${kinds.join(', ')}` });
  const known = membersOf(api.credentials, kind);
  const faults: CredentialFault[] = [];
  const texts: Record<string, string> = {};
  for (const member of Object.keys(members))
    if (!known.some((one) => one.name === member))
      faults.push({
        path: `credentials.${member}`,
        message: `${kind} has no such member; it has ${known.map((one) => one.name).join(', ')}`,
      });
  for (const { name: member, isOptional, default: usual } of known) {
    const value = members[member] ?? usual;
    if (value === undefined) {
      if (!isOptional) faults.push({ path: `credentials.${member}`, message: 'expected a text' });
    } else if (typeof value !== 'string' || value === '' || value.length > maxCharacters)
      faults.push({ path: `credentials.${member}`, message: `expected a text of 1 to ${maxCharacters} characters` });
    else texts[member] = value;
  }
  const expires = texts['expires_at'];
  if (kind === 'oauth2' && expires !== undefined && Number.isNaN(Date.parse(expires)))
    faults.push({ path: 'credentials.expires_at', message: 'expected a time, ISO 8601' });
  if (faults.length > 0) return faulty(...faults);
  return { kind: 'credentials', values: valuesOf(kind, texts) };
}

/** Tokens that were issued elsewhere are tokens; everything else is a member. */
function valuesOf(kind: CredentialKind, texts: Readonly<Record<string, string>>): CredentialValues {
  if (kind !== 'oauth2') return { kind, members: texts };
  const { access_token: access = '', refresh_token: refresh, expires_at: expires } = texts;
  return {
    kind,
    members: {},
    token: {
      access,
      ...(refresh === undefined ? {} : { refresh }),
      ...(expires === undefined ? {} : { expiresAtMs: Date.parse(expires) }),
    },
  };
}

/** What the context lacks, or has in another form than the definition says, for calls of the provider. */
export function contextFaults(
  { context: declared = {} }: Definition,
  context: Readonly<Record<string, unknown>>,
): readonly CredentialFault[] {
  return Object.entries(declared).flatMap(([name, said]): CredentialFault | readonly CredentialFault[] => {
    const {
      help,
      optional = false,
      pattern,
      list = false,
      alias,
      default: usual,
    } = typeof said === 'string' ? { help: said } : said;
    const value = context[name] ?? (alias === undefined ? undefined : context[alias]) ?? usual;
    const path = `context.${name}`;
    if (value === undefined || value === null) return optional ? [] : { path, message: `expected a value: ${help}` };
    const values = Array.isArray(value) ? value : [value];
    if (!list && Array.isArray(value) && value.length !== 1) return { path, message: 'expected one value' };
    const isText = values.every((one) => typeof one === 'string' || typeof one === 'number');
    if (!isText) return { path, message: list ? 'expected a list of texts' : 'expected a text' };
    const whole = pattern === undefined ? undefined : new RegExp(`^(?:${pattern})$`);
    return whole === undefined || values.every((one) => whole.test(String(one)))
      ? []
      : { path, message: `expected a value that matches ${pattern}` };
  });
}
