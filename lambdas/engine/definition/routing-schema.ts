import { z } from 'zod';
import { parseTemplate } from '../template/template.ts';
import { identifier, source, template } from '../template/template-schema.ts';

const contextPlace = z.union([
  template,
  z.strictObject({
    items: source.describe('A list in the body, for example `json.items`.'),
    value: template.describe('Where the value stands in each `{item.…}`.'),
  }),
]);

/** Sources that ingress has before it knows a secret, and that say whose a request is. */
const contextSources: ReadonlySet<string> = new Set(['header', 'query', 'form-field', 'json', 'item', 'var']);

/** Why a context could not be found in a request; undefined where it can. */
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
      .describe('JSONata over the request: the value, or values, that name whose request it is.'),
    account_context: identifier.describe("Key of an account's context that holds its value, or its values."),
    secrets: z
      .enum(['app', 'account'])
      .default('app')
      .describe(
        "Whose secrets verify the requests of that URL: `app` where the provider has one for the vendor's app (they are set for the integration), `account` where each customer has its own (the accounts hold them, and a request is verified with those of the accounts that it names).",
      ),
    context: z
      .union([contextPlace, z.array(contextPlace).min(1).max(8)])
      .optional()
      .describe(
        'With `secrets: account`: where that value stands, as a template, since ingress reads it before it verifies. A list where requests have several forms; `items` and `value` where a body holds several, all of which must be of one account.',
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
  .describe('For the one URL that serves all accounts of the integration: how a request finds its accounts.');
