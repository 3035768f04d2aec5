import { z } from 'zod';

export const decode = z.union([
  z.enum(['json', 'form', 'multipart', 'xml', 'text']),
  z.strictObject({
    form_json: z.string().min(1).describe('Name of the form field that holds the JSON.'),
  }),
]);

export type DecodeSpec = z.infer<typeof decode>;
