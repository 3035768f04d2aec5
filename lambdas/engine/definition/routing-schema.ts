import { z } from 'zod';
import { parseTemplate } from '../template/template.ts';
import { identifier, source, template } from '../template/template-schema.ts';

const contextPlace = z.union([
  template,
  z.strictObject({
    items: source.describe('A list in the body, for example `json.items`.'),
    value: template.describe('Where to find the value in each item: `{item.…}`.'),
  }),
]);

/** Sources that ingress can read before it knows a secret, to find the account of a request. */
const contextSources: ReadonlySet<string> = new Set(['header', 'query', 'form-field', 'json', 'item', 'var']);

/** Why ingress could not find a context in a request; undefined if it can. */
function contextFault(place: z.infer<typeof contextPlace>): string | undefined {
  const text = typeof place === 'string' ? place : place.value;
  const parsed = parseTemplate(text);
  const parts = parsed.kind === 'fault' ? [] : parsed.template.parts;
  const sources = parts.flatMap((part) => ('source' in part ? [part.source] : []));
  if (sources.length === 0) return `got "${text}", which is the same for every request`;
  const wrong = sources.find(({ from }) => !contextSources.has(from));
  if (wrong !== undefined) return `got "${text}", expected parts of headers, query and body, or variables`;
  return sources.some(({ from }) => from === 'item') === (typeof place === 'string')
    ? `got "${text}", expected {item.…} within \`items\`, and there only`
    : undefined;
}

export const routing = z
  .strictObject({
    context_lookup_field: z
      .string()
      .min(1)
      .describe('JSONata over the request that returns the value, or values, that identify its accounts.'),
    account_context: identifier.describe("Key in an account's context that holds its value or values."),
    secrets: z
      .enum(['app', 'account'])
      .default('app')
      .describe(
        "Whose secrets verify requests to that URL. `app`: the provider has one set for the vendor's app, which the settings of the integration hold. `account`: each customer has its own; a request is verified with those of the accounts that it names.",
      ),
    context: z
      .union([contextPlace, z.array(contextPlace).min(1).max(8)])
      .optional()
      .describe(
        'With `secrets: account`: where to find that value, as a template, because ingress reads it before it verifies the request. If requests have several forms, a list. If a body holds several values, `items` and `value`; all of them must belong to one account.',
      ),
  })
  .superRefine(({ secrets, context: places }, context) => {
    if ((secrets === 'account') !== (places !== undefined))
      context.addIssue({
        code: 'custom',
        path: places === undefined ? ['secrets'] : ['context'],
        message:
          places === undefined
            ? 'got `account` without `context`, expected where a request names its account, for example context: "{json.company_id}"'
            : 'got `context` without `secrets: account`, expected both or neither',
      });
    for (const fault of [places ?? []].flat().flatMap((place) => contextFault(place) ?? []))
      context.addIssue({ code: 'custom', path: ['context'], message: fault });
  })
  .optional()
  .describe('For the URL that serves all accounts of the integration: how to find the accounts of a request.');
