import { z } from 'zod';
import { urlTokenSecret } from '../../request/secret-values.ts';
import type { CheckAuthoring, CheckKind } from '../check-kind.ts';
import { prepareToken } from './token.ts';

/** A random token that the engine puts into the webhook URL, for providers that do not sign. */
export const urlToken: CheckKind<UrlTokenSpec> = {
  prepare: (spec) => prepareToken({ value: templateOf(spec), expected: urlTokenSecret }),
  impliedSecrets: () => [urlTokenSecret],
  credentials: (spec) => [templateOf(spec)],
};

function templateOf({ parameter }: UrlTokenSpec): string {
  return `{query.${parameter}}`;
}

export type UrlTokenSpec = z.output<ReturnType<typeof schema>>;

function schema() {
  return z
    .strictObject({
      parameter: z
        .string()
        .regex(/^[A-Za-z][A-Za-z0-9_-]*$/)
        .default('token')
        .describe('Query parameter of the webhook URL that carries the token.'),
    })
    .describe('For providers that do not sign: a random token that the engine creates and puts into `webhook_url`.');
}

export const urlTokenAuthoring: CheckAuthoring<UrlTokenSpec> = {
  schema,
  proof: (_, { secrets }) => secrets[urlTokenSecret] ?? '',
  place: (spec) => ({ template: templateOf(spec), placeholder: urlTokenSecret }),
  keys: () => [{ secret: urlTokenSecret, form: { kind: 'text' } }],
  protects: (spec) => ({ signed: [], proofs: [templateOf(spec)] }),
};
