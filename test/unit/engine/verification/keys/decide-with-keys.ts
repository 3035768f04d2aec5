import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { expect } from 'vitest';
import { type Reception, receiveWebhook } from '../../../../../lambdas/engine/reception/decide-reception.ts';
import type { PreparedWebhook } from '../../../../../lambdas/engine/reception/prepare-webhook.ts';
import type { SecretValues, WebhookRequest } from '../../../../../lambdas/engine/request/webhook-request.ts';
import type { KeyRequest } from '../../../../../lambdas/engine/verification/keys/key-request.ts';
import { aRequest, nowMs, nowSeconds } from '../../reception/acme.ts';

export const [ec, otherEc] = [0, 1].map(() => generateKeyPairSync('ec', { namedCurve: 'P-256' })) as [Pair, Pair];
export const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
type Pair = { readonly publicKey: KeyObject; readonly privateKey: KeyObject };

export const pem = (key: KeyObject) => key.export({ type: 'spki', format: 'pem' }) as string;
export const jwk = (key: KeyObject, more: object = {}) => JSON.stringify({ ...key.export({ format: 'jwk' }), ...more });
export const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');

export function token(key: KeyObject, claims: object = {}, header: object = {}): string {
  const alg = key.asymmetricKeyType === 'rsa' ? 'RS256' : 'ES256';
  const signed = `${encode({ alg, kid: 'k1', ...header })}.${encode({ exp: nowSeconds + 60, ...claims })}`;
  return `${signed}.${sign('sha256', Buffer.from(signed), { key, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`;
}

export const jwksUrl = 'https://acme.example/keys';
export const jwt = (more: object = {}) => ({
  jwt: { token: '{header.X-Token}', algorithms: ['ES256'], key: { jwks: jwksUrl }, require: ['exp'], ...more },
});
export const hmac = {
  hmac: { algorithm: 'sha256', encoding: 'hex', key: 'signing_secret', message: '{body}', signature: '{header.X-Mac}' },
};
export const secrets = { signing_secret: 'a secret of 25 characters', client_id: 'client-1' };

/** Decide a request; `answer` provides each requested key. @returns The reception and the key requests. */
export function decide(
  webhook: PreparedWebhook,
  request: WebhookRequest,
  answer: (request: KeyRequest) => readonly string[],
  values: SecretValues = secrets,
): { readonly reception: Reception; readonly asked: readonly KeyRequest[] } {
  const keys = new Map<string, readonly string[]>();
  const asked: KeyRequest[] = [];
  for (;;) {
    const reception = receiveWebhook(webhook, request, values, nowMs, keys);
    if (reception.kind !== 'key-needed') return { reception, asked };
    expect(keys.has(reception.request.locator), 'each key is requested once').toBe(false);
    asked.push(reception.request);
    keys.set(reception.request.locator, answer(reception.request));
  }
}

export const withToken = (text: string, more: Readonly<Record<string, string>> = {}, body = '{}') =>
  aRequest(body, { headers: { 'x-token': text, ...more } });
