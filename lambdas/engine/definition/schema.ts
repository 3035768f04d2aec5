import { z } from 'zod';
import { identifier } from '../template/template-schema.ts';
import { resources } from './resources-schema.ts';
import { routing } from './routing-schema.ts';
import { webhook } from './webhook-schema.ts';

/**
 * The definition language: the content of `integration.yaml`. Every object is closed, so a misspelt key is an error and
 * not a check that silently never runs.
 */
export const definitionSchema = z.strictObject({
  name: z.string().regex(/^[a-z][a-z0-9-]*$/, 'expected lower-case letters, digits and hyphens'),
  title: z.string().min(1),
  docs: z.url().describe('Where the provider documents its webhooks.'),
  secrets: z
    .record(identifier, z.string().min(1))
    .describe('Secrets of an account, each with a line that says where its owner finds it.'),
  webhook,
  routing,
  resources,
  mapping: z.string().min(1).describe('JSONata that maps a request to events: inline, or the name of a .jsonata file.'),
});

/** A definition as its author wrote it, validated, with the mapping's text in place. */
export type Definition = z.infer<typeof definitionSchema>;
