import { z } from 'zod';
import { parseSource, parseTemplate } from './template.ts';

/**
 * The definition language: what `integration.yaml` may say. Every object is closed, so that a
 * misspelt key is an error and not a check that silently never runs.
 */

const template = z.string().superRefine((text, context) => {
  const parsed = parseTemplate(text);
  if (parsed.kind === 'fault') context.addIssue({ code: 'custom', message: parsed.message });
});

const source = z.string().superRefine((text, context) => {
  if (parseSource(text) === undefined)
    context.addIssue({
      code: 'custom',
      message: `got "${text}", expected a source such as header.X-Event, query.challenge or json.type`,
    });
});

const identifier = z.string().regex(/^[a-z][a-z0-9_]*$/, 'expected lower-case letters, digits and underscores');

const digestAlgorithm = z.enum(['sha1', 'sha256', 'sha512']);
const encoding = z.enum(['hex', 'base64', 'base64url']).describe('How the provider writes the signature.');

/** Where signatures stand: one, or a list of which those with the prefix count. */
const signaturePlace = {
  signature: template.describe('Where the signature stands; a list of headers or JSON values gives several.'),
  split: z.string().min(1).optional().describe('What separates several signatures in one text, for example `,`.'),
  prefix: z
    .string()
    .min(1)
    .optional()
    .describe('Text before a signature, for example `sha256=` or `v1,`; those without it are passed over.'),
};

const key = z
  .union([
    identifier,
    z.strictObject({
      secret: identifier,
      decode: z.enum(['utf8', 'hex', 'base64']).default('utf8').describe('How the key bytes are written.'),
      prefix: z.string().min(1).optional().describe('Text before the key that is no part of it, for example `whsec_`.'),
    }),
  ])
  .describe('Name of a declared secret; its UTF-8 bytes are the key unless `decode` says otherwise.');

/** One message, or several of which any may be what was signed. */
const message = z
  .union([template, z.array(template).min(1).max(8)])
  .describe('What is signed; a list where the provider may have signed any of several.');

const hmac = z.strictObject({ algorithm: digestAlgorithm, encoding, key, message, ...signaturePlace });

const digest = z
  .strictObject({ algorithm: digestAlgorithm, encoding, message, ...signaturePlace })
  .describe('A digest without a key; a secret in the message makes it a signature.');

const publicKey = z.strictObject({
  algorithm: z.enum(['ecdsa-p256-sha256', 'rsa-sha256', 'rsa-sha1', 'ed25519']),
  encoding,
  key: identifier.describe('Name of the secret that holds the public key: PEM, base64 SPKI, or raw Ed25519 in hex.'),
  message,
  ...signaturePlace,
});

const freshness = z.strictObject({
  timestamp: template.describe('Where the timestamp stands; it must be part of what is signed.'),
  unit: z.enum(['s', 'ms', 'iso8601']),
  max_age_seconds: z.int().positive().describe('How old a request may be.'),
  max_ahead_seconds: z.int().nonnegative().describe('How far ahead the clock of the provider may be.'),
});

const token = z
  .strictObject({
    value: template.describe('Where the token stands.'),
    prefix: z.string().min(1).optional().describe('Text before the token, for example `Bearer `.'),
    expected: identifier.describe('Name of the secret that it must equal.'),
  })
  .describe('A shared token, compared in constant time.');

const basic = z
  .strictObject({ username: identifier, password: identifier })
  .describe('HTTP Basic authentication; the names of the two secrets.');

const jwt = z.strictObject({
  token: template.describe('Where the token stands; a list gives several, all of which must pass.'),
  prefix: z.string().min(1).optional().describe('Text before the token, for example `Bearer `.'),
  algorithms: z
    .array(z.enum(['HS256', 'HS384', 'HS512', 'RS256', 'RS512', 'ES256', 'EdDSA']))
    .min(1)
    .refine(
      (names) => new Set(names.map((name) => name.slice(0, 2))).size === 1,
      'expected algorithms of one kind of key: a public key must never be taken for a shared secret',
    ),
  key: identifier.describe('Name of the secret that holds the shared secret or the public key (PEM).'),
  claims: z.record(z.string(), template).default({}).describe('Claims that must equal these texts.'),
  max_age_seconds: z.int().positive().optional().describe('How old `iat` may be.'),
  body_sha256_claim: z.string().min(1).optional().describe('Claim that holds the hexadecimal SHA-256 of the body.'),
});

export type HmacSpec = z.infer<typeof hmac>;
export type DigestSpec = z.infer<typeof digest>;
export type PublicKeySpec = z.infer<typeof publicKey>;
export type FreshnessSpec = z.infer<typeof freshness>;
export type TokenSpec = z.infer<typeof token>;
export type BasicSpec = z.infer<typeof basic>;
export type JwtSpec = z.infer<typeof jwt>;

const scalar = z.union([z.string(), z.number(), z.boolean()]);
const condition = z
  .record(source, z.union([scalar, z.array(scalar).min(1), z.strictObject({ present: z.boolean() })]))
  .describe('Source to value: all must be equal. A list means any of its values; `present` asks whether it is there.');

export type ConditionSpec = z.infer<typeof condition>;

/** A tree of checks: exactly one key. */
export interface VerifySpec {
  readonly hmac?: HmacSpec | undefined;
  readonly digest?: DigestSpec | undefined;
  readonly public_key?: PublicKeySpec | undefined;
  readonly jwt?: JwtSpec | undefined;
  readonly token?: TokenSpec | undefined;
  readonly basic?: BasicSpec | undefined;
  readonly freshness?: FreshnessSpec | undefined;
  readonly all?: readonly VerifySpec[] | undefined;
  readonly any?: readonly VerifySpec[] | undefined;
  /** The first case whose condition holds decides; none is a rejection. */
  readonly cases?: readonly { readonly when?: ConditionSpec | undefined; readonly verify: VerifySpec }[] | undefined;
  /** Every item must pass, and there must be one. */
  readonly each?: { readonly items: string; readonly verify: VerifySpec } | undefined;
}

const checkNames = 'hmac, digest, public_key, jwt, token, basic, freshness, all, any, cases, each';

const verifyNodes: z.ZodType<VerifySpec> = z.lazy(() =>
  z
    .strictObject({
      hmac: hmac.optional(),
      digest: digest.optional(),
      public_key: publicKey.optional(),
      jwt: jwt.optional(),
      token: token.optional(),
      basic: basic.optional(),
      freshness: freshness.optional(),
      all: z.array(verifyNodes).min(1).optional(),
      any: z.array(verifyNodes).min(1).optional(),
      cases: z
        .array(z.strictObject({ when: condition.optional(), verify: verifyNodes }))
        .min(1)
        .optional(),
      each: z.strictObject({ items: source, verify: verifyNodes }).optional(),
    })
    .superRefine((node, context) => {
      const keys = Object.keys(node);
      if (keys.length !== 1)
        context.addIssue({
          code: 'custom',
          message: `got ${keys.length === 0 ? 'no key' : keys.join(' and ')}, expected exactly one of ${checkNames}`,
        });
    }),
);

const handshake = z.strictObject({
  name: identifier,
  when: z.union([condition, z.array(condition).min(1)]).describe('A condition, or several of which any will do.'),
  verify: z
    .enum(['same', 'none'])
    .default('same')
    .describe('`same`: as every request; `none`: providers that shake hands before a secret exists.'),
  token: token.optional().describe('A token that the handshake itself carries and that must be right.'),
  respond: z.strictObject({
    status: z.int().min(200).max(299).default(200),
    headers: z.record(z.string().regex(/^[A-Za-z][A-Za-z0-9-]*$/), template).default({}),
    content_type: z.string().optional(),
    body: template.optional(),
    json: z.record(z.string(), template).optional().describe('A JSON body instead: member to template.'),
  }),
});

const reply = z
  .strictObject({
    accepted: z
      .strictObject({
        status: z.int().min(200).max(299).default(200),
        content_type: z.string().optional(),
        body: z.string().optional(),
      })
      .default({ status: 200 }),
    rejected_status: z.int().min(400).max(499).default(401),
    rejected_body: z
      .enum(['problem', 'none'])
      .default('problem')
      .describe('`none` where the provider wants a rejection without a body.'),
  })
  .default({ accepted: { status: 200 }, rejected_status: 401, rejected_body: 'problem' })
  .describe('What the provider wants to hear, where 200 with an empty body and 401 are not it.');

const decode = z.union([
  z.enum(['json', 'form', 'xml', 'text']),
  z.strictObject({
    form_json: z.string().min(1).describe('Name of the form field that holds the JSON.'),
  }),
]);

export type DecodeSpec = z.infer<typeof decode>;
export type HandshakeSpec = z.infer<typeof handshake>;
export type ReplySpec = z.infer<typeof reply>;

const variable = z.strictObject({
  from: template,
  split: z.string().min(1).optional(),
  prefix: z.string().min(1).optional().describe('The first part with this beginning is taken, without it.'),
});

export const definitionSchema = z.strictObject({
  name: z.string().regex(/^[a-z][a-z0-9-]*$/, 'expected lower-case letters, digits and hyphens'),
  title: z.string().min(1),
  docs: z.url().describe('Where the provider documents its webhooks.'),
  secrets: z
    .record(identifier, z.string().min(1))
    .describe('Secrets an account carries, each with a line that tells its owner where to find it.'),
  webhook: z.strictObject({
    decode: z
      .union([decode, z.record(z.string().includes('/'), decode)])
      .describe('How the body is read; by media type where the provider sends several.'),
    vars: z.record(identifier, variable).default({}).describe('Parts of the request under a name: `{var.name}`.'),
    verify: verifyNodes,
    reply,
    handshakes: z.array(handshake).default([]),
    delivery_id: z
      .union([z.literal('none'), template])
      .optional()
      .describe(
        'What names one delivery and stays the same when the provider repeats it; default: a digest of the body. `none` where even two equal bodies are two deliveries.',
      ),
  }),
  routing: z
    .strictObject({
      context_lookup_field: z
        .string()
        .min(1)
        .describe('JSONata over the request: the value, or values, that name whose request it is.'),
      account_context: identifier.describe("Key of an account's context that holds its value, or its values."),
    })
    .optional()
    .describe('For the one URL that serves all accounts of the integration: how a request finds its accounts.'),
  mapping: z.string().min(1).describe('JSONata from request to events: inline, or the name of a .jsonata file.'),
});

/** A definition as its author wrote it, validated, with the mapping's text in place. */
export type Definition = z.infer<typeof definitionSchema>;
