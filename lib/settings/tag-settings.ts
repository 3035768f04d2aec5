import { z } from 'zod';

/** AWS's limit is 50 for most resources; the stack and CloudFormation add some of their own. */
const mostTags = 40;
const characters = String.raw`[\p{L}\p{Z}\p{N}_.:/=+\-@]`;

/** What the deployer's organization writes on every resource. */
export const tagSettings = {
  /**
   * Tags of all resources, besides `tributary:stage`, for cost reports and access rules; as text, `name=value` pairs
   * separated by commas.
   * @default - none
   * @see https://docs.aws.amazon.com/tag-editor/latest/userguide/best-practices-and-strats.html
   */
  tags: z
    .preprocess(
      (value) => (typeof value === 'string' ? pairsOf(value) : value),
      z
        .record(
          z.string().regex(new RegExp(`^(?!aws:|tributary:)${characters}{1,128}$`, 'iu')),
          z.string().regex(new RegExp(`^${characters}{0,256}$`, 'u')),
        )
        .refine((tags) => Object.keys(tags).length <= mostTags),
    )
    .describe(
      `at most ${mostTags} tags, such as { "cost-centre": "42" }: names of at most 128 characters that do not begin with aws: or tributary:, texts of at most 256`,
    ),
};

/** @returns The text itself where a pair has no `=`, which the schema rejects. */
function pairsOf(text: string): unknown {
  const pairs = text
    .split(',')
    .map((pair) => pair.trim())
    .filter((pair) => pair !== '');
  if (pairs.some((pair) => !pair.includes('='))) return text;
  return Object.fromEntries(pairs.map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)]));
}
