import { createHmac } from 'node:crypto';
import { Sha256 } from '@aws-crypto/sha256-js';
import { SignatureV4 } from '@smithy/signature-v4';
import OAuth from 'oauth-1.0a';
import type { CredentialsSpec } from '../language/credentials-schema.ts';
import { lackingMessage } from '../request/base-url.ts';
import { renderCallTemplate, toCallTemplate } from '../request/call-template.ts';
import type { CallValues } from '../request/call-values.ts';
import type { Preparation, PreparedCall } from '../request/prepare-call.ts';
import { type CredentialValues, credentialTemplateValues } from './credential-values.ts';

/** What signatures take besides the call. */
export interface SigningInput {
  readonly nowMs: number;
  /** A value that is used once. */
  readonly nonce: string;
}

/** Add an account's credentials to a call. A signature covers the call as it is, so nothing may change it after. */
export async function authorizeCall(
  spec: CredentialsSpec,
  credentials: CredentialValues,
  call: PreparedCall,
  values: CallValues,
  signing: SigningInput,
): Promise<Preparation> {
  const { kind } = credentials;
  const filled: CallValues = { ...values, credential: credentialTemplateValues(credentials) };
  if (kind === 'oauth1') return signOAuth1(spec, credentials, call, filled, signing);
  if (kind === 'aws_sigv4') return signSigV4(spec, credentials, call, signing);
  const said = spec[kind];
  const sent = said?.sent ?? usual(kind, credentials);
  return addSent(call, sent, filled);
}

type Sent = NonNullable<NonNullable<CredentialsSpec['api_key']>['sent']>;

function usual(kind: CredentialValues['kind'], { members }: CredentialValues): Sent {
  if (kind === 'basic') {
    const pair = `${members['username'] ?? ''}:${members['password'] ?? ''}`;
    return { headers: { Authorization: `Basic ${Buffer.from(pair).toString('base64')}` } };
  }
  return {
    headers: { Authorization: kind === 'bearer' ? 'Bearer {credential.token}' : 'Bearer {credential.access_token}' },
  };
}

function addSent(call: PreparedCall, { headers = {}, query = {} }: Sent, values: CallValues): Preparation {
  const url = new URL(call.url);
  const added: Record<string, string> = {};
  for (const [name, template] of Object.entries(headers)) {
    const text = renderCallTemplate(toCallTemplate(template), values);
    if (text.kind === 'missing') return { kind: 'fault', message: lackingMessage(text.source) };
    if (text.kind === 'unset') continue;
    if (!/^[\t\x20-\x7e]*$/.test(String(text.value)))
      return { kind: 'fault', message: `the credentials have characters that the header "${name}" cannot have` };
    added[name.toLowerCase()] = String(text.value);
  }
  for (const [name, template] of Object.entries(query)) {
    const text = renderCallTemplate(toCallTemplate(template), values);
    if (text.kind === 'missing') return { kind: 'fault', message: lackingMessage(text.source) };
    if (text.kind === 'value') url.searchParams.set(name, String(text.value));
  }
  return { kind: 'call', call: { ...call, url: url.href, headers: { ...call.headers, ...added } } };
}

/** @see https://www.rfc-editor.org/rfc/rfc5849#section-3.4 */
function signOAuth1(
  spec: CredentialsSpec,
  { members }: CredentialValues,
  call: PreparedCall,
  values: CallValues,
  { nowMs, nonce }: SigningInput,
): Preparation {
  const realm =
    spec.oauth1?.realm === undefined ? undefined : renderCallTemplate(toCallTemplate(spec.oauth1.realm), values);
  if (realm?.kind === 'missing') return { kind: 'fault', message: lackingMessage(realm.source) };
  const signer = new OAuth({
    consumer: { key: members['consumer_key'] ?? '', secret: members['consumer_secret'] ?? '' },
    signature_method: 'HMAC-SHA256',
    hash_function: (base, key) => createHmac('sha256', key).update(base).digest('base64'),
    ...(realm?.kind === 'value' ? { realm: String(realm.value) } : {}),
  });
  signer.getTimeStamp = () => Math.floor(nowMs / 1000);
  signer.getNonce = () => nonce;
  // The fields of a form are signed, too.
  const isForm = call.headers['content-type'] === 'application/x-www-form-urlencoded';
  const data = isForm ? Object.fromEntries(new URLSearchParams(call.body ?? '')) : {};
  const signed = signer.authorize(
    { url: call.url, method: call.method, data },
    { key: members['token'] ?? '', secret: members['token_secret'] ?? '' },
  );
  const { Authorization } = signer.toHeader(signed);
  return { kind: 'call', call: { ...call, headers: { ...call.headers, authorization: Authorization } } };
}

/** @see https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html */
async function signSigV4(
  spec: CredentialsSpec,
  { members }: CredentialValues,
  call: PreparedCall,
  { nowMs }: SigningInput,
): Promise<Preparation> {
  const url = new URL(call.url);
  const query: Record<string, string | string[]> = {};
  for (const name of new Set(url.searchParams.keys())) query[name] = url.searchParams.getAll(name);
  const signer = new SignatureV4({
    credentials: { accessKeyId: members['access_key_id'] ?? '', secretAccessKey: members['secret_access_key'] ?? '' },
    region: members['region'] ?? '',
    service: spec.aws_sigv4?.service ?? '',
    sha256: Sha256,
  });
  const signed = await signer.sign(
    {
      method: call.method,
      protocol: url.protocol,
      hostname: url.hostname,
      path: url.pathname,
      query,
      headers: { ...call.headers, host: url.host },
      ...(call.body === undefined ? {} : { body: call.body }),
    },
    { signingDate: new Date(nowMs) },
  );
  const { host: _, ...headers } = signed.headers;
  return { kind: 'call', call: { ...call, headers } };
}
