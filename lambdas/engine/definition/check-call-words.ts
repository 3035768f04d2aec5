import type { CallPlaceholder } from '../provider/request/call-template.ts';
import type { DeclaredCall } from './calls-of.ts';
import type { MeaningFault } from './meaning-fault.ts';

const operators = ['eq', 'gt', 'gte', 'lt', 'lte'];

/** Words of a call that only mean something together with others, which are missing. */
export function checkCallWords(
  { path, spec, method }: DeclaredCall,
  used: readonly { readonly path: readonly PropertyKey[]; readonly placeholder: CallPlaceholder }[],
): readonly MeaningFault[] {
  const faults: MeaningFault[] = used.flatMap(({ path: at, placeholder: { root, path: names, text } }) => {
    const [, operator] = names;
    return root === 'filter' && operator !== undefined && !operators.includes(operator)
      ? [{ path: at, message: `got {${text}}, expected an operator: ${operators.join(', ')}` }]
      : [];
  });
  const {
    where,
    page,
    missing,
    when_empty: empty,
  } = spec as {
    readonly when_empty?: unknown;
    readonly missing?: unknown;
    readonly where?: unknown;
    readonly page?: { readonly size?: unknown; readonly size_to?: unknown };
  };
  const reader = used.find(({ placeholder }) => placeholder.root === 'where');
  if (reader !== undefined && where === undefined)
    faults.push({ path: reader.path, message: `got {${reader.placeholder.text}} in a call without \`where\`` });
  if (reader === undefined && where !== undefined)
    faults.push({
      path: [...path, 'where'],
      message: 'got conditions that nothing reads, expected {where} in the call',
    });
  // A page of maintenance may be a 200, too: nothing is gone because an unknown answer does not have it.
  const proof = method === 'batch_get' && missing === 'gone' ? 'missing' : empty === 'gone' ? 'when_empty' : undefined;
  if (proof !== undefined && spec.expect === undefined)
    faults.push({
      path: [...path, proof],
      message:
        'got no `expect` beside it, expected one that tells a right answer, such as $type(records) = "array": any other 200 would delete records',
    });
  if (page?.size_to !== undefined && page.size === undefined)
    faults.push({ path: [...path, 'page', 'size_to'], message: 'got `size_to` without `size`, which it would send' });
  return faults;
}
