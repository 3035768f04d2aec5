import { z } from 'zod';
import { identifier, source } from '../template/template-schema.ts';

export const encrypted = z
  .strictObject({
    items: source
      .refine((name) => name.startsWith('json.'), 'expected a list in the body, for example json.value')
      .describe('The list whose items hold encrypted content, for example `json.value`.'),
    from: z
      .string()
      .min(1)
      .describe('Path in an item where the encrypted content stands; items without it stay as they are.'),
    into: z
      .string()
      .regex(/^[A-Za-z_][A-Za-z0-9_]*$/)
      .describe('Member of the item that is set to the content.'),
    key: z.strictObject({
      secret: identifier.describe('Name of the secret that holds the RSA private key (PEM).'),
      from: z
        .string()
        .min(1)
        .describe('Path, in the encrypted content, of the encrypted symmetric key (base64; RSA-OAEP with SHA-1).'),
    }),
    content: z
      .string()
      .min(1)
      .describe(
        'Path of the ciphertext: base64; AES-256-CBC, its initialization vector the first 16 bytes of the key.',
      ),
    signature: z
      .string()
      .min(1)
      .describe('Path of the HMAC-SHA256 of the ciphertext under the symmetric key (base64).'),
  })
  .describe('Encrypted items, read before they are mapped.');

export type DecryptSpec = z.infer<typeof encrypted>;
