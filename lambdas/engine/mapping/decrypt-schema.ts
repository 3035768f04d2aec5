import { z } from 'zod';
import { identifier, source } from '../template/template-schema.ts';

export const encrypted = z
  .strictObject({
    items: source
      .refine((name) => name.startsWith('json.'), 'expected a list in the body, for example json.value')
      .describe('The list whose items hold encrypted content, for example `json.value`.'),
    from: z.string().min(1).describe('Path of the encrypted content in an item. Items without it stay unchanged.'),
    into: z
      .string()
      .regex(/^[A-Za-z_][A-Za-z0-9_]*$/)
      .describe('Member of the item that receives the decrypted content.'),
    key: z.strictObject({
      secret: identifier.describe('Name of the secret that holds the RSA private key (PEM).'),
      from: z
        .string()
        .min(1)
        .describe('Path of the encrypted symmetric key in the encrypted content (base64; RSA-OAEP with SHA-1).'),
    }),
    content: z
      .string()
      .min(1)
      .describe(
        'Path of the ciphertext (base64; AES-256-CBC, with the first 16 bytes of the key as initialization vector).',
      ),
    signature: z
      .string()
      .min(1)
      .describe('Path of the HMAC-SHA256 of the ciphertext under the symmetric key (base64).'),
  })
  .describe('Encrypted items, which are decrypted before the mapping runs.');

export type DecryptSpec = z.infer<typeof encrypted>;
