import { z } from 'zod';
import { compileExpression } from '../expression/run-expression.ts';
import { schemaPins } from '../schema-versions/schema-pins-schema.ts';
import { keyTypes, readEncryptionKey, wrappingAlgorithms } from './encryption-key.ts';
import { parseFieldPath } from './field-paths.ts';

/** What a subscription may say about which events it is sent, and in what shape. Every object is closed. */

const maxExpressionCharacters = 8192;
const maxPaths = 100;
const maxPathCharacters = 512;

const expression = z
  .string()
  // What is too long is not compiled.
  .max(maxExpressionCharacters, { abort: true })
  .superRefine((text, context) => {
    const compilation = compileExpression(text);
    if (compilation.kind === 'fault') context.addIssue({ code: 'custom', message: `JSONata: ${compilation.message}` });
  });

const fieldPaths = z
  .array(
    z
      .string()
      .max(maxPathCharacters, { abort: true })
      .superRefine((text, context) => {
        const parsed = parseFieldPath(text);
        if (parsed.kind === 'fault') context.addIssue({ code: 'custom', message: parsed.message });
      }),
  )
  .min(1)
  .max(maxPaths);

const fields = z
  .strictObject({
    include: fieldPaths.optional().describe('Of `data`, only these.'),
    drop: fieldPaths.optional().describe('Of `data`, all but these.'),
  })
  .refine(({ include, drop }) => (include === undefined) !== (drop === undefined), 'expected either include or drop');

/** Base64url, or a name: no member of a key of the largest size is longer. */
const keyText = z.string().min(1).max(2048);
const privatePart = z
  .never({
    error: 'part of a private or symmetric key, expected a public key: the private one stays with who decrypts',
  })
  .optional();

/** As RFC 7517 has it, members that are not known are passed over; what is kept of a key is its public part. */
const publicJwk = z
  .object({
    kty: z.enum(keyTypes),
    alg: z.enum(wrappingAlgorithms).optional(),
    kid: z.string().min(1).max(256).optional().describe('Stands in the header of each JWE.'),
    use: z.string().max(32).optional(),
    key_ops: z.array(z.string().max(32)).max(16).optional(),
    crv: z.string().max(32).optional(),
    x: keyText.optional(),
    y: keyText.optional(),
    n: keyText.optional(),
    e: keyText.optional(),
    d: privatePart,
    p: privatePart,
    q: privatePart,
    dp: privatePart,
    dq: privatePart,
    qi: privatePart,
    oth: privatePart,
    k: privatePart,
  })
  .superRefine((jwk, context) => {
    const read = readEncryptionKey(jwk);
    if (read.kind === 'fault')
      context.addIssue({ code: 'custom', message: read.message, path: read.member === undefined ? [] : [read.member] });
  });

export const shapingSchema = z.strictObject({
  schema_versions: schemaPins
    .optional()
    .describe(
      'By resource, the major version that the receiver is written against; filter, fields and transform see it.',
    ),
  filter: expression.optional().describe('A JSONata predicate over the event; without it, every event is wanted.'),
  fields: fields.optional(),
  encrypt: z
    .strictObject({
      fields: fieldPaths,
      jwk: publicJwk.describe("The receiver's public key: RSA, EC, or OKP with X25519."),
    })
    .optional()
    .describe('Each named value becomes a compact JWE (A256GCM) of its JSON text.'),
  batch: z
    .strictObject({
      max_events: z.int().min(1).max(100),
      max_wait_seconds: z.int().min(0).max(60),
    })
    .optional()
    .describe('Several events in one callback; every callback then has the form of a batch.'),
  transform: expression.optional().describe('JSONata over the reduced event that gives the body to send.'),
  envelope: z.enum(['tributary', 'cloudevents']).default('tributary'),
});

/** What a subscription says; it may say nothing. */
export type ShapingOptions = Partial<z.infer<typeof shapingSchema>>;
