import { z } from 'zod';
import { encrypted } from '../mapping/decrypt-schema.ts';
import { addressRangeList } from '../outbound/address-range-schema.ts';
import { confirmation, httpHeaders } from '../outbound/outbound-schema.ts';
import { decode } from '../request/decode-schema.ts';
import { identifier, template } from '../template/template-schema.ts';
import { condition, verifyNodes } from '../verification/check-tree-schema.ts';
import { tokenAuthoring } from '../verification/checks/token.ts';

const handshake = z.strictObject({
  name: identifier,
  when: z.union([condition, z.array(condition).min(1)]).describe('A condition, or a list of which one must match.'),
  verify: z
    .union([z.enum(['same', 'none']), verifyNodes])
    .default('same')
    .describe(
      '`same`: the checks of every request. `none`: no checks, for providers whose handshake comes before a secret exists. Otherwise, checks for this handshake.',
    ),
  token: tokenAuthoring.schema().optional().describe('A token that the handshake carries and that must match.'),
  capture: z
    .strictObject({
      secret: identifier.describe('Name of the declared secret that the handshake brings.'),
      from: template.describe('Where to find its value.'),
    })
    .optional()
    .describe('A secret that the provider chooses: accepted once, and only while the account waits for it.'),
  confirm: confirmation.optional(),
  respond: z.strictObject({
    status: z.int().min(200).max(299).default(200),
    headers: httpHeaders.default({}),
    content_type: z.string().optional(),
    body: template.optional(),
    json: z
      .record(z.string(), template)
      .optional()
      .describe('A JSON body instead of `body`: a template for each member.'),
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
      .describe('`none` if the provider expects a rejection without a body.'),
  })
  .default({ accepted: { status: 200 }, rejected_status: 401, rejected_body: 'problem' })
  .describe('Responses, if the provider expects other than 200 with an empty body and 401.');

const nonce = z
  .strictObject({
    value: template.describe('Where to find the nonce; it must be part of the signed message.'),
    ttl_seconds: z
      .int()
      .min(60)
      .max(30 * 86_400)
      .default(3 * 86_400)
      .describe('How long a nonce is remembered. Must be longer than the provider retries a request.'),
  })
  .describe(
    'A value that the provider uses once, for signatures that do not cover the body. The same value with another body is a replay attack; with the same body it is a repetition.',
  );

const variable = z.strictObject({
  from: template,
  split: z.string().min(1).optional(),
  prefix: z
    .string()
    .min(1)
    .optional()
    .describe('Take the first part that begins with this prefix, and remove the prefix.'),
});

export const webhook = z.strictObject({
  decode: z
    .union([decode, z.record(z.string().includes('/'), decode)])
    .describe(
      'How to read the body; by media type if the provider sends several. `multipart` (multipart/form-data) yields fields as text, and the `filename`, `content_type` and `size` of a file, not its bytes.',
    ),
  vars: z.record(identifier, variable).default({}).describe('Named parts of the request, for use as `{var.name}`.'),
  verify: verifyNodes,
  allow_from: addressRangeList
    .min(1)
    .optional()
    .describe(
      'Address ranges in CIDR form from which the provider sends, if it publishes them. Other requests are answered 403, before they are verified.',
    ),
  reply,
  nonce: nonce.optional(),
  handshakes: z.array(handshake).default([]),
  decrypt: encrypted.optional(),
  delivery_id: z
    .union([z.literal('none'), template, z.array(template).min(1)])
    .optional()
    .describe(
      'Id of one delivery, which stays the same when the provider repeats it. Default: a digest of the body. If requests have several forms, a list: the first template that a request can fill counts. `none` if two equal bodies are two deliveries.',
    ),
});

export type HandshakeSpec = z.infer<typeof handshake>;
export type ReplySpec = z.infer<typeof reply>;
