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

const hmac = z.strictObject({
  algorithm: z.enum(['sha1', 'sha256', 'sha512']),
  encoding: z.enum(['hex', 'base64', 'base64url']).describe('How the provider writes the signature.'),
  key: identifier.describe('Name of the secret, as declared under `secrets`; its UTF-8 bytes are the key.'),
  message: template.describe('What is signed.'),
  signature: template.describe('Where the signature stands.'),
  prefix: z.string().min(1).optional().describe('Text before the signature, for example `sha256=`.'),
});

const freshness = z.strictObject({
  timestamp: template.describe('Where the timestamp stands; it must be part of what is signed.'),
  unit: z.enum(['s', 'ms', 'iso8601']),
  max_age_seconds: z.int().positive().describe('How old a request may be.'),
  max_ahead_seconds: z.int().nonnegative().describe('How far ahead the clock of the provider may be.'),
});

export type HmacSpec = z.infer<typeof hmac>;
export type FreshnessSpec = z.infer<typeof freshness>;

/** A tree of checks: exactly one key. */
export type VerifySpec =
  | { readonly hmac: HmacSpec }
  | { readonly freshness: FreshnessSpec }
  | { readonly all: readonly VerifySpec[] }
  | { readonly any: readonly VerifySpec[] };

const verifyNodes: z.ZodType<VerifySpec> = z.lazy(
  () =>
    z
      .strictObject({
        hmac: hmac.optional(),
        freshness: freshness.optional(),
        all: z.array(verifyNodes).min(1).optional(),
        any: z.array(verifyNodes).min(1).optional(),
      })
      .superRefine((node, context) => {
        const keys = Object.keys(node);
        if (keys.length !== 1)
          context.addIssue({
            code: 'custom',
            message: `got ${keys.length === 0 ? 'no key' : keys.join(' and ')}, expected exactly one of hmac, freshness, all, any`,
          });
      }) as unknown as z.ZodType<VerifySpec>,
);

const condition = z
  .record(source, z.union([z.string(), z.number(), z.boolean(), z.array(z.union([z.string(), z.number()])).min(1)]))
  .describe('Source to value: all must be equal; a list means any of its values.');

const handshake = z.strictObject({
  name: identifier,
  when: z.union([condition, z.array(condition).min(1)]).describe('A condition, or several of which any will do.'),
  verify: z
    .enum(['same', 'none'])
    .default('same')
    .describe('`same`: as every request; `none`: providers that shake hands before a secret exists.'),
  respond: z.strictObject({
    status: z.int().min(200).max(299).default(200),
    content_type: z.string().optional(),
    body: template.optional(),
  }),
});

const decode = z.union([
  z.enum(['json', 'form', 'text']),
  z.strictObject({
    form_json: z.string().min(1).describe('Name of the form field that holds the JSON.'),
  }),
]);

export type DecodeSpec = z.infer<typeof decode>;
export type HandshakeSpec = z.infer<typeof handshake>;

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
    verify: verifyNodes,
    handshakes: z.array(handshake).default([]),
    delivery_id: template
      .optional()
      .describe(
        'What names one delivery and stays the same when the provider repeats it; default: a digest of the body.',
      ),
  }),
  mapping: z.string().min(1).describe('JSONata from request to events: inline, or the name of a .jsonata file.'),
});

/** A definition as its author wrote it, validated, with the mapping's text in place. */
export type Definition = z.infer<typeof definitionSchema>;
