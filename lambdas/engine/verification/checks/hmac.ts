import { createHmac, createSecretKey, type KeyObject, timingSafeEqual } from 'node:crypto';
import { z } from 'zod';
import { valuesOf } from '../../request/secret-values.ts';
import type { SecretValues } from '../../request/webhook-request.ts';
import type { TemplateInput } from '../../template/template.ts';
import { identifier } from '../../template/template-schema.ts';
import type { Alternative, CheckAuthoring, CheckKind } from '../check-kind.ts';
import { decodeExactly } from '../signatures/decode-exactly.ts';
import { digestBytes } from '../signatures/digest-bytes.ts';
import { signatureProof, signatureProtects, signedParts } from '../signatures/signature-authoring.ts';
import { prepareSignaturePlace, type SignaturePlace, signatureCandidates } from '../signatures/signature-candidates.ts';
import { digestAlgorithm, encoding, message, signaturePlace } from '../signatures/signature-schema.ts';
import { firstOf, prepareMessages, renderMessages, type SignedMessages } from '../signatures/signed-messages.ts';
import { writtenOtherwise } from '../signatures/written-otherwise.ts';
import type { Verdict } from '../verdict.ts';

type KeyEncoding = 'utf8' | 'hex' | 'base64';

/** How a secret encodes the key bytes. */
interface KeySpec {
  readonly secret: string;
  readonly decode: KeyEncoding;
  readonly prefix?: string | undefined;
}

/** A MAC of a message under a secret. */
export const hmac: CheckKind<HmacSpec> = {
  prepare(spec) {
    const check = { spec, messages: prepareMessages(spec.message), place: prepareSignaturePlace(spec) };
    return (input, { secrets }) => verifyHmac(check, input, secrets);
  },
  expectedSecret({ key }, secret, value) {
    const { secret: own, decode, prefix } = keyOf(key);
    if (own !== secret || decode === 'utf8' || readKey(value, decode, prefix) !== undefined) return undefined;
    return decode === 'hex' ? 'hexadecimal digits' : decode;
  },
};

interface HmacCheck {
  readonly spec: HmacSpec;
  readonly messages: SignedMessages;
  readonly place: SignaturePlace;
}

/**
 * Check a MAC: compare each of the request's signatures with each current secret, over each message that the
 * provider may have signed.
 *
 * The comparison of the decoded bytes takes constant time; both have the same length. A signature that does not
 * decode to exactly one digest is rejected before any secret is used.
 */
function verifyHmac(check: HmacCheck, input: TemplateInput, secrets: SecretValues): Verdict {
  const { algorithm, key } = check.spec;
  const { secret, decode, prefix } = keyOf(key);
  const configured = valuesOf(secrets, secret);
  if (configured.length === 0) return { kind: 'rejected', reason: 'secret-not-configured', detail: secret };
  // Skip malformed keys: they would decode to a part of the key or to nothing, which an attacker can guess.
  const keys = configured.flatMap((text) => readKey(text, decode, prefix) ?? []);
  if (keys.length === 0) return { kind: 'rejected', reason: 'key-unusable', detail: secret };

  const found = signatureCandidates(check.place, input, digestBytes[algorithm]);
  if (found.kind === 'rejected') return found;

  const rendered = renderMessages(check.messages, input, secrets);
  if (rendered.kind === 'rejected') return rendered;

  let matches = false;
  for (const signed of rendered.messages)
    for (const macKey of keys) {
      const mac = createHmac(algorithm, macKey);
      for (const chunk of signed) mac.update(chunk);
      const expected = mac.digest();
      for (const signature of found.signatures) if (timingSafeEqual(expected, signature)) matches = true;
    }
  return matches ? { kind: 'verified' } : { kind: 'rejected', reason: 'signature-mismatch' };
}

function keyOf(key: HmacSpec['key']): KeySpec {
  return typeof key === 'string' ? { secret: key, decode: 'utf8' } : key;
}

/** Read a key as a KeyObject, because a MAC with a buffer as key takes three times as long. */
function readKey(text: string, decode: KeyEncoding, prefix: string | undefined): string | KeyObject | undefined {
  const bare = withoutPrefix(text, prefix);
  if (bare === '') return undefined;
  if (decode === 'utf8') return bare;
  const bytes = decodeExactly(bare.trim(), decode);
  return bytes === undefined ? undefined : createSecretKey(bytes);
}

function withoutPrefix(text: string, prefix: string | undefined): string {
  return prefix !== undefined && text.startsWith(prefix) ? text.slice(prefix.length) : text;
}

export type HmacSpec = z.output<ReturnType<typeof schema>>;

function schema() {
  const key = z
    .union([
      identifier,
      z.strictObject({
        secret: identifier,
        decode: z.enum(['utf8', 'hex', 'base64']).default('utf8').describe('Encoding of the key bytes in the secret.'),
        prefix: z
          .string()
          .min(1)
          .optional()
          .describe('Text before the key that does not belong to it, for example `whsec_`.'),
      }),
    ])
    .describe('Name of a declared secret; its UTF-8 bytes are the key unless `decode` says otherwise.');
  return z.strictObject({ algorithm: digestAlgorithm, encoding, key, message, ...signaturePlace });
}

export const hmacAuthoring: CheckAuthoring<HmacSpec> = {
  schema,
  proof({ algorithm, encoding: written, key, message: messages }, { render, secrets }) {
    const { secret, decode, prefix } = keyOf(key);
    const macKey = Buffer.from(withoutPrefix(secrets[secret] ?? '', prefix), decode);
    return createHmac(algorithm, macKey)
      .update(render(firstOf(messages)))
      .digest(written);
  },
  place: signatureProof,
  protects: signatureProtects,
  keys({ key }) {
    const { secret, decode, prefix = '' } = keyOf(key);
    return [{ secret, form: decode === 'utf8' ? { kind: 'text' } : { kind: 'bytes', encoding: decode, prefix } }];
  },
  signed: (spec) => signedParts(spec, keyOf(spec.key).secret),
  alternatives: (spec, secrets) => [
    keyAlternatives(spec, secrets),
    writtenOtherwise(spec, ['sha1', 'sha256', 'sha512']),
  ],
};

const readings = {
  utf8: 'taken literally (decode: utf8)',
  hex: 'decoded as hex',
  base64: 'decoded as base64',
} as const;
/** Prefixes that providers put before their keys. */
const usualPrefixes = ['whsec_', 'sk_', 'v1,whsec_'];

/** Alternatives that read the key as text, hex or base64, with or without a prefix. */
function keyAlternatives(spec: HmacSpec, secrets: SecretValues): readonly Alternative<HmacSpec>[] {
  const declared = keyOf(spec.key);
  const { secret } = declared;
  const values = valuesOf(secrets, secret);
  const reading = (name: string, key: KeySpec) => ({ name: `the key ${name}`, members: { key } });
  const prefixes = usualPrefixes.filter((prefix) => values.some((value) => value.startsWith(prefix)));
  return [
    ...(['utf8', 'hex', 'base64'] as const)
      .filter((decode) => decode !== declared.decode)
      .map((decode) => reading(readings[decode], { ...declared, decode })),
    ...prefixes
      .filter((prefix) => prefix !== declared.prefix)
      .flatMap((prefix) =>
        (['base64', 'utf8', 'hex'] as const).map((decode) =>
          reading(`without its prefix ${JSON.stringify(prefix)}, ${readings[decode]}`, { secret, decode, prefix }),
        ),
      ),
    ...(declared.prefix === undefined
      ? []
      : (['utf8', 'base64'] as const).map((decode) =>
          reading(`with its prefix, ${readings[decode]}`, { secret, decode }),
        )),
    ...(values.every((value) => value === value.trim())
      ? []
      : [
          {
            name: 'the secret without the white space around it',
            secrets: { [secret]: values.map((value) => value.trim()) },
          },
        ]),
  ];
}
