import { z } from 'zod';
import { compileExpression } from '../expression/run-expression.ts';
import { schemaPins } from '../schema-versions/schema-pins-schema.ts';
import { keyTypes, readEncryptionKey, wrappingAlgorithms } from './encryption-key.ts';
import { parseFieldPath } from './field-paths.ts';

/** Schema of the options that select and shape a subscription's events. Every object is closed. */

const maxExpressionCharacters = 8192;
const maxPaths = 100;
const maxPathCharacters = 512;

const expression = z
  .string()
  // Do not compile a text that is too long.
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
    include: fieldPaths.optional().describe('Keep only these fields of `data`.'),
    drop: fieldPaths.optional().describe('Remove these fields of `data`.'),
  })
  .refine(({ include, drop }) => (include === undefined) !== (drop === undefined), 'expected either include or drop');

/** Base64url or a name; long enough for each member of the largest key. */
const keyText = z.string().min(1).max(2048);
const privatePart = z
  .never({
    error: 'part of a private or symmetric key, expected a public key: keep the private key at the receiver',
  })
  .optional();

/** Unknown members are ignored, as RFC 7517 requires; only the public part of a key is stored. */
const publicJwk = z
  .object({
    kty: z.enum(keyTypes),
    alg: z.enum(wrappingAlgorithms).optional(),
    kid: z.string().min(1).max(256).optional().describe('Included in the header of each JWE.'),
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
      'The major version that the receiver expects, by resource; filter, fields and transform read the event in it.',
    ),
  filter: expression.optional().describe('A JSONata predicate over the event; without it, every event is sent.'),
  fields: fields.optional(),
  include_previous: z
    .union([z.literal(true), fieldPaths])
    .optional()
    .describe(
      'Adds `previous`: the fields of `data` that the event changed, or those of the named ones, with their former values, from the event of the record before it. A field that is new has null. Absent where that event is no longer kept, one of the two is thin, or the envelope is `cloudevents` without a transform.',
    ),
  encrypt: z
    .strictObject({
      fields: fieldPaths,
      jwk: publicJwk.describe("The receiver's public key: RSA, EC, or OKP with X25519."),
    })
    .optional()
    .describe('Replaces each named value with a compact JWE (A256GCM) of its JSON text.'),
  batch: z
    .strictObject({
      max_events: z.int().min(1).max(100),
      max_wait_seconds: z.int().min(0).max(60),
    })
    .optional()
    .describe('Sends several events in one callback; every callback then has the form of a batch.'),
  transform: expression.optional().describe('JSONata over the reduced event; its result is the body to send.'),
  envelope: z.enum(['tributary', 'cloudevents']).default('tributary'),
});

/** A subscription's shaping options; all are optional. */
export type ShapingOptions = Partial<z.infer<typeof shapingSchema>>;
