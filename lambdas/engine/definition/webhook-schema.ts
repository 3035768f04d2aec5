import { z } from 'zod';
import { encrypted } from '../mapping/decrypt-schema.ts';
import { confirmation, httpHeaders } from '../outbound/outbound-schema.ts';
import { decode } from '../request/decode-schema.ts';
import { identifier, template } from '../template/template-schema.ts';
import { condition, verifyNodes } from '../verification/check-tree-schema.ts';
import { tokenAuthoring } from '../verification/checks/token.ts';

const handshake = z.strictObject({
  name: identifier,
  when: z.union([condition, z.array(condition).min(1)]).describe('A condition, or several of which any will do.'),
  verify: z
    .union([z.enum(['same', 'none']), verifyNodes])
    .default('same')
    .describe(
      '`same`: as every request; `none`: providers that shake hands before a secret exists; or checks of its own.',
    ),
  token: tokenAuthoring
    .schema()
    .optional()
    .describe('A token that the handshake itself carries and that must be right.'),
  capture: z
    .strictObject({
      secret: identifier.describe('Name of the declared secret that the handshake brings.'),
      from: template.describe('Where its value stands.'),
    })
    .optional()
    .describe('A secret that the provider chooses: taken once, and only while the account waits for it.'),
  confirm: confirmation.optional(),
  respond: z.strictObject({
    status: z.int().min(200).max(299).default(200),
    headers: httpHeaders.default({}),
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

const nonce = z
  .strictObject({
    value: template.describe('Where it stands; it must be part of what is signed.'),
    ttl_seconds: z
      .int()
      .min(60)
      .max(30 * 86_400)
      .default(3 * 86_400)
      .describe('How long it is remembered: longer than the provider goes on sending a request again.'),
  })
  .describe(
    'A value that comes once. For signatures that do not cover the body: the same value with another body is a replay, with the same body a repetition.',
  );

const variable = z.strictObject({
  from: template,
  split: z.string().min(1).optional(),
  prefix: z.string().min(1).optional().describe('The first part with this beginning is taken, without it.'),
});

export const webhook = z.strictObject({
  decode: z
    .union([decode, z.record(z.string().includes('/'), decode)])
    .describe(
      'How the body is read; by media type where the provider sends several. `multipart` (multipart/form-data) gives fields as text, and of a file its `filename`, `content_type` and `size`, not its bytes.',
    ),
  vars: z.record(identifier, variable).default({}).describe('Parts of the request under a name: `{var.name}`.'),
  verify: verifyNodes,
  reply,
  nonce: nonce.optional(),
  handshakes: z.array(handshake).default([]),
  decrypt: encrypted.optional(),
  delivery_id: z
    .union([z.literal('none'), template, z.array(template).min(1)])
    .optional()
    .describe(
      'What names one delivery and stays the same when the provider repeats it; default: a digest of the body. A list where requests have several forms: the first that a request has. `none` where even two equal bodies are two deliveries.',
    ),
});

export type HandshakeSpec = z.infer<typeof handshake>;
export type ReplySpec = z.infer<typeof reply>;
