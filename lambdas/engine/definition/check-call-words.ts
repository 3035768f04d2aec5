import type { CallPlaceholder } from '../provider/request/call-template.ts';
import type { DeclaredCall } from './calls-of.ts';
import type { MeaningFault } from './meaning-fault.ts';

const operators = ['eq', 'gt', 'gte', 'lt', 'lte'];

/** Words of a call that only mean something together with others, which are missing. */
export function checkCallWords(
  { path, spec }: DeclaredCall,
  used: readonly { readonly path: readonly PropertyKey[]; readonly placeholder: CallPlaceholder }[],
): readonly MeaningFault[] {
  const faults: MeaningFault[] = used.flatMap(({ path: at, placeholder: { root, path: names, text } }) => {
    const [, operator] = names;
    return root === 'filter' && operator !== undefined && !operators.includes(operator)
      ? [{ path: at, message: `got {${text}}, expected an operator: ${operators.join(', ')}` }]
      : [];
  });
  const { where, page } = spec as {
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
  if (page?.size_to !== undefined && page.size === undefined)
    faults.push({ path: [...path, 'page', 'size_to'], message: 'got `size_to` without `size`, which it would send' });
  return faults;
}
