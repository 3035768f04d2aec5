import { discover } from '../../../../../lambdas/engine/provider/credentials/discover.ts';
import type { ApiSpec } from '../../../../../lambdas/engine/provider/language/api-schema.ts';
import { pathOf, pathsIn, textsIn, valueAt, withValueAt } from '../expressions/expression-place.ts';
import { searchMembers } from '../expressions/search-members.ts';
import { type ProviderAnswer, textOfAnswer } from './provider-answer.ts';

/**
 * The answer to the call after a consent: one tenant of the provider, with the values of the account's context.
 *
 * @param example - An answer of the same API. It is used if `discover` finds a tenant in it.
 * @returns Why no answer can be made, for a person.
 */
export async function discoveredAnswer(
  { credentials }: Pick<ApiSpec, 'credentials'>,
  example: ProviderAnswer,
  context: Readonly<Record<string, unknown>>,
): Promise<ProviderAnswer | string> {
  const said = credentials.oauth2?.discover;
  if (said === undefined) return 'the definition discovers nothing';
  const { records, capture, label } = said;
  const isRight = async (body: unknown): Promise<boolean> => {
    const argument = { records, capture, context, ...(label === undefined ? {} : { label }) };
    const found = await discover({ text: textOfAnswer({ body }), ...argument });
    return found.length === 1 && Object.keys(capture).every((name) => found[0]?.context[name] !== undefined);
  };
  if (await isRight(example.body)) return example;
  const tenant = Object.entries(capture).reduce<unknown>((made, [name, expression]) => {
    const path = pathOf(expression) ?? pathsIn(expression)[0];
    return path === undefined ? made : withValueAt(made, path, context[name] ?? `https://simulated-${name}.example`);
  }, {});
  const name = label === undefined ? [] : (pathOf(label) ?? []);
  const isNamed = name.length === 0 || valueAt(tenant, name) !== undefined;
  const named = isNamed ? tenant : withValueAt(tenant, name, 'A simulated account');
  const found = await findTenant(records, named, isRight);
  return found === undefined
    ? `\`records: ${records}\` of \`discover\` cannot be reversed`
    : { ...example, body: found };
}

/** Put the tenant where the expression reads it, with the members that its conditions need. */
async function findTenant(
  records: string,
  tenant: unknown,
  isRight: (body: unknown) => Promise<boolean>,
): Promise<unknown> {
  const path = pathOf(records);
  if (path !== undefined) {
    const body = withValueAt({}, path, tenant);
    if (await isRight(body)) return body;
  }
  const texts = textsIn(records);
  const conditions = pathsIn(records);
  // The path before a condition is a list that holds the tenant.
  for (const holder of [[], ...conditions]) {
    const found = await searchMembers({
      base: tenant,
      paths: conditions.filter((one) => one !== holder),
      pool: [true, ...texts, ...texts.map((text) => [text])],
      isRight: (candidate) => isRight(withValueAt({}, holder, [candidate])),
    });
    if (found !== undefined) return withValueAt({}, holder, [found]);
  }
  return undefined;
}
