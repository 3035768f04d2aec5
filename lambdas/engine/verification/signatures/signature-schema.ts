import { z } from 'zod';
import { template } from '../../template/template-schema.ts';

export const digestAlgorithm = z.enum(['sha1', 'sha256', 'sha512']);
export const encoding = z.enum(['hex', 'base64', 'base64url']).describe('How the provider writes the signature.');

/** Where signatures stand: one, or a list of which those with the prefix count. */
export const signaturePlace = {
  signature: template.describe('Where the signature stands; a list of headers or JSON values gives several.'),
  split: z.string().min(1).optional().describe('What separates several signatures in one text, for example `,`.'),
  prefix: z
    .string()
    .min(1)
    .optional()
    .describe('Text before a signature, for example `sha256=` or `v1,`; those without it are passed over.'),
};

/** One message, or several of which any may be what was signed. */
export const message = z
  .union([template, z.array(template).min(1).max(8)])
  .describe('What is signed; a list where the provider may have signed any of several.');
