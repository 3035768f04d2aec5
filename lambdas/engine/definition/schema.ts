import { z } from 'zod';
import { accountContext, api } from '../provider/language/api-schema.ts';
import { syncs } from '../provider/language/sync-schema.ts';
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
  context: accountContext,
  secrets: z
    .record(identifier, z.string().min(1))
    .default({})
    .describe('Secrets with which webhooks are verified, each with a line that says where its owner finds it.'),
  webhook: webhook.optional().describe('How the provider calls us.'),
  routing,
  mapping: z
    .string()
    .min(1)
    .optional()
    .describe('JSONata that maps a webhook to events: inline, or the name of a .jsonata file.'),
  api,
  resources,
  syncs,
});

/** A definition as its author wrote it, validated, with the text of its files in place. */
export type Definition = z.infer<typeof definitionSchema>;

/** The part of a definition that receives webhooks. */
export type WebhookDefinition = Omit<Definition, 'webhook' | 'mapping'> & {
  readonly webhook: NonNullable<Definition['webhook']>;
  readonly mapping: string;
};
