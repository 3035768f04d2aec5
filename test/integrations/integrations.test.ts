import fc from 'fast-check';
import { describe, expect, inject, test } from 'vitest';
import type { SecretValues } from '../../lambdas/engine/request/webhook-request.ts';
import type { VerifySpec } from '../../lambdas/engine/verification/check-tree.ts';
import type { readSamples } from '../../lib/definitions/samples.ts';
import {
  type IntegrationUnderTest,
  integrations,
  integrationUnderTest,
  isFor,
  nowMs,
  withHeader,
} from './integration-under-test.ts';
import { signingKeysOf } from './signing-keys.ts';
import { differingBytes, expectRejection, flipBit, isSameForm, placeOf, proofHeaders } from './tampering.ts';
import { checksOf, coversBody, headersOf, isSameProof, placeholders } from './what-is-signed.ts';

/** Steps between the bits of a proof that are changed: `npm test` changes every seventh. */
const everyBit = inject('isExploring') ? 1 : 7;

describe.each(integrations)('$name', ({ name, definition }) => {
  const subject = integrationUnderTest(name, definition);

  describe.each(subject.samples)('sample $name', (sample) => {
    const signed = signedSample(subject, sample);
    testSignature(subject, signed);
    testProofs(subject, signed);
    testBodyAndTime(subject, signed);
  });
});

type SignedSample = ReturnType<typeof signedSample>;

/** A sample signed with the right keys, and the parts of it that decide whether it is verified. */
function signedSample({ definition, sign }: IntegrationUnderTest, { request }: ReturnType<typeof readSamples>[number]) {
  const signed = sign(request);
  const checks = checksOf(definition, request);
  const wrongKeys = signingKeysOf(definition, 'wrong');
  const otherwise = sign(request, nowMs, wrongKeys);
  // Any of several signatures is enough, so a header of a family decides only if it is the right one.
  const signatures = checks.flatMap(({ hmac }) => placeholders(hmac?.signature ?? ''));
  const isFamily = signatures.some(({ source }) => source.from === 'headers');
  const proofs = proofHeaders(signed, otherwise);
  return {
    request,
    signed,
    checks,
    wrongKeys,
    otherwise,
    isFamily,
    proofs,
    isList: checks.some((check) => (check.hmac ?? check.digest ?? check.public_key)?.split !== undefined),
    deciding: headersOf(definition, checks, signed).filter((name) => !isFamily || proofs.includes(name)),
    provingBytes: differingBytes(signed.body, otherwise.body),
    accepted: {
      kind: definition.webhook.handshakes.some((spec) => isFor(definition, spec, request)) ? 'handshake' : 'verified',
    },
  };
}

function testSignature(subject: IntegrationUnderTest, sample: SignedSample): void {
  const { definition, keys, sign, receive } = subject;
  const { request, signed, otherwise, accepted, proofs, provingBytes, wrongKeys } = sample;

  test('is verified when it is signed', () => {
    expect(receive(signed)).toMatchObject(accepted);
  });

  test('is verified with the new and the old secret during a rotation', () => {
    const rotatedKeys = signingKeysOf(definition, 'newer');
    const both = Object.fromEntries(
      Object.keys(keys.secrets).map((key) => [key, [rotatedKeys.secrets[key] ?? '', keys.secrets[key] ?? '']]),
    );
    expect(receive(signed, both)).toMatchObject(accepted);
    expect(receive(sign(request, nowMs, rotatedKeys), both)).toMatchObject(accepted);
  });

  test('has a proof in a header, in its URL or in its body', () => {
    const inUrl = signed.url === otherwise.url ? 0 : 1;
    expect(proofs.length + inUrl + provingBytes.length).toBeGreaterThan(0);
  });

  test('fails when the secret is wrong, empty or missing', () => {
    const secrets = Object.keys(keys.secrets);
    const expectSecretRejection = (values: SecretValues) => expectRejection(subject, signed, signed, { values });
    expectSecretRejection(wrongKeys.secrets);
    expectSecretRejection(Object.fromEntries(secrets.map((key) => [key, ''])));
    expectSecretRejection(Object.fromEntries(secrets.map((key) => [key, []])));
    expect(expectSecretRejection({})).toMatchObject({ reason: 'secret-not-configured' });
  });
}

function testProofs(subject: IntegrationUnderTest, sample: SignedSample): void {
  const { signed, checks, deciding, proofs, provingBytes, isFamily, isList } = sample;

  test.for(deciding)('fails when any bit of the signed or proving header %s is changed', (header) => {
    const before = signed.headers[header] ?? '';
    for (let bit = 0; bit < before.length * 8; bit += before.length > 200 ? 7 : everyBit) {
      const after = flipBit(Buffer.from(before, 'latin1'), bit).toString('latin1');
      if (!isSameProof(checks, before, after))
        expectRejection(subject, withHeader(signed, header, after), signed, { change: `${header}, ${placeOf(bit)}` });
    }
  });

  test.for(proofs)(
    'fails when its proof in %s is empty, cut off, longer, doubled, something else or missing',
    (header) => {
      const proof = signed.headers[header] ?? '';
      const doubled = isList ? [] : [proof + proof];
      for (const text of ['', ' ', proof.slice(0, -5), `${proof}A`, `${proof.slice(0, -1)}!`, ...doubled, 'äöü=é'])
        expectRejection(subject, withHeader(signed, header, text), signed, {
          change: `${header}: ${JSON.stringify(text)}`,
        });
      const { [header]: _, ...headers } = signed.headers;
      const verdict = expectRejection(subject, { ...signed, headers }, signed, { change: `without ${header}` });
      expect(verdict).toMatchObject({
        reason: expect.stringMatching(
          isFamily
            ? /^(header-missing|signature-mismatch)$/
            : /^(header-missing|value-missing|no-known-signature-version)$/,
        ),
      });
    },
  );

  test.for(provingBytes.length > 0 ? [provingBytes] : [])(
    'fails when any bit of the proof in its body is changed',
    (places) => {
      for (const at of places)
        for (let bit = at * 8; bit < at * 8 + 8; bit += everyBit) {
          const body = flipBit(signed.body, bit);
          const [before, after] = [signed.body, body].map((bytes) => bytes.toString('latin1')) as [string, string];
          if (before.toLowerCase() !== after.toLowerCase())
            expectRejection(subject, { ...signed, body }, signed, { change: `body, ${placeOf(bit)}` });
        }
    },
  );
}

function testBodyAndTime(subject: IntegrationUnderTest, sample: SignedSample): void {
  const { sign, receive } = subject;
  const { request, signed, checks, accepted } = sample;

  test.for(coversBody(checks) ? [signed.body] : [])('fails when its body is changed', (before) => {
    const expectBodyRejection = (body: Buffer, change: string) =>
      expectRejection(subject, { ...signed, body }, signed, { change });
    expectBodyRejection(Buffer.concat([before, Buffer.from('x')]), 'body, one byte longer');
    expectBodyRejection(before.subarray(0, -1), 'body, one byte shorter');
    expectBodyRejection(Buffer.alloc(0), 'body, empty');
    fc.assert(
      fc.property(fc.nat({ max: before.length * 8 - 1 }), (bit) => {
        const body = flipBit(before, bit);
        if (!isSameForm(signed, body)) expectBodyRejection(body, `body, ${placeOf(bit)}`);
      }),
    );
  });

  test.for(windowsOf(checks))('fails when its timestamp is stale or in the future', ({ ageSeconds, aheadSeconds }) => {
    const at = (offsetSeconds: number) => sign(request, nowMs + offsetSeconds * 1000);
    expect(receive(at(-ageSeconds))).toMatchObject(accepted);
    expect(receive(at(aheadSeconds))).toMatchObject(accepted);
    const stale = expectRejection(subject, at(-ageSeconds - 1), signed);
    expect(stale).toMatchObject({ reason: 'timestamp-too-old' });
    const early = expectRejection(subject, at(aheadSeconds + 1), signed);
    expect(early).toMatchObject({ reason: 'timestamp-in-the-future' });
  });
}

/** The allowed distance of a request's time from now: one window if the checks limit it, otherwise none. */
function windowsOf(checks: readonly VerifySpec[]) {
  const freshness = checks.find((check) => check.freshness !== undefined)?.freshness;
  if (freshness !== undefined)
    return [{ ageSeconds: freshness.max_age_seconds, aheadSeconds: freshness.max_ahead_seconds }];
  const ageSeconds = checks.find(({ jwt }) => jwt?.max_age_seconds !== undefined)?.jwt?.max_age_seconds;
  return ageSeconds === undefined ? [] : [{ ageSeconds, aheadSeconds: 60 }];
}
