import { z } from 'zod';
import { plainCall } from './call-schema.ts';
import { credentials } from './credentials-schema.ts';
import { errors } from './errors-schema.ts';
import { limits } from './limits-schema.ts';
import { answerExpression, callTemplate, duration, headerName } from './words.ts';

const contextValue = z.union([
  z.string().min(1),
  z.strictObject({
    help: z.string().min(1),
    optional: z.boolean().default(false),
    default: z.string().optional(),
    pattern: z.string().optional().describe('What the whole value must match.'),
    list: z.boolean().default(false).describe('Whether it is a list of values.'),
    alias: z.string().optional().describe('An older name of the same value.'),
  }),
]);

/** What an account must bring besides credentials. */
export const accountContext = z
  .record(z.string().regex(/^[a-z][a-z0-9_]*$/, 'expected lower-case letters, digits and underscores'), contextValue)
  .optional()
  .describe("What an account's context holds, each with a line of help. Calls read it as `{context.<name>}`.");

const host = z
  .string()
  .regex(/^(\*\.)?[a-z0-9-]+(\.[a-z0-9-]+)+$/, 'expected a host such as api.example.com, or *.example.com');

/** How the engine calls the provider. */
export const api = z
  .strictObject({
    base_url: callTemplate.describe('Where paths begin. An account may have its own (`base_url`).'),
    regions: z.record(z.string(), z.url()).optional().describe('Other base URLs by the value of the context `region`.'),
    hosts: z.array(host).default([]).describe('Other hosts that next links, whole URLs and the proxy may name.'),
    headers: z.record(headerName, callTemplate).default({}).describe('Sent with each call.'),
    query: z.record(z.string(), callTemplate).default({}).describe('Sent with each call.'),
    accept: z.string().default('application/json'),
    timeout: duration.default('30s').describe('Time for one call, at most 60 s.'),
    credentials,
    test: z
      .strictObject({ call: plainCall, expect: answerExpression.optional() })
      .optional()
      .describe('A call that tells whether credentials are right; `expect` must be true.'),
    limits,
    reserve: z
      .number()
      .min(0)
      .max(0.9)
      .default(0.1)
      .describe('The part of each limit that only reads for webhooks may use.'),
    errors,
  })
  .optional()
  .describe('How the engine calls the provider.');

export type ApiSpec = NonNullable<z.infer<typeof api>>;
