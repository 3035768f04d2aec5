import { z } from 'zod';
import { template } from '../../template/template-schema.ts';

export const digestAlgorithm = z.enum(['sha1', 'sha256', 'sha512']);
export const encoding = z.enum(['hex', 'base64', 'base64url']).describe('Encoding of the signature.');

/** Where the request carries signatures: one, or a list from which the prefix selects. */
export const signaturePlace = {
  signature: template.describe(
    'Where the request carries the signature; a list of headers or JSON values gives several.',
  ),
  split: z.string().min(1).optional().describe('Separator of several signatures in one text, for example `,`.'),
  prefix: z
    .string()
    .min(1)
    .optional()
    .describe('Text before a signature, for example `sha256=` or `v1,`; signatures without it are ignored.'),
};

/** The signed message, or several messages of which the provider signs one. */
export const message = z
  .union([template, z.array(template).min(1).max(8)])
  .describe('The signed message; a list if the provider signs one of several messages.');
