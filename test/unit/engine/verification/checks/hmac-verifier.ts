import { createHmac } from 'node:crypto';
import type { SecretValues } from '../../../../../lambdas/engine/request/webhook-request.ts';
import { type HmacSpec, hmac } from '../../../../../lambdas/engine/verification/checks/hmac.ts';

export const secret = 'a secret of 25 characters';

/** Prepares an hmac check and returns a function that runs it on a request. */
export function verifier(options: Partial<HmacSpec> = {}) {
  const spec: HmacSpec = {
    algorithm: 'sha256',
    encoding: 'hex',
    key: 'signing_secret',
    message: 'v0:{header.X-Time}:{body}',
    signature: '{header.X-Signature}',
    ...options,
  };
  const check = hmac.prepare(spec);
  return (
    { signature, time = '17', body }: { signature?: string | undefined; time?: string | undefined; body: Buffer },
    secrets: SecretValues = { signing_secret: secret },
  ) => {
    const headers: Record<string, string> = {};
    if (signature !== undefined) headers['x-signature'] = signature;
    if (time !== '') headers['x-time'] = time;
    return check(
      {
        method: 'POST',
        url: 'https://hooks.example.com/',
        path: '/',
        headers,
        query: new URLSearchParams(),
        body,
        decoded: undefined,
        secrets: {},
        vars: {},
      },
      { secrets, keys: new Map(), nowMs: 0 },
    );
  };
}

/** The MAC of `v0:<time>:<body>`. */
export const macOf = (body: Buffer, key = secret, time = '17', algorithm: HmacSpec['algorithm'] = 'sha256') =>
  createHmac(algorithm, key).update(`v0:${time}:`).update(body).digest();

export const body = Buffer.from('{"a":1}');
export const verified = { kind: 'verified' };
