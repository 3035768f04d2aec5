import type { CallSpec } from '../../engine/provider/language/call-schema.ts';
import { callReads } from '../../engine/provider/request/call-reads.ts';

/** Filters by name and operator, such as `{ updated_at: { gte: '…' } }`. */
export type Filters = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

/** A bound that leaves out the value itself may stand for one that has it: the caller gets a record more. */
const wider: Readonly<Record<string, string>> = { gt: 'gte', lt: 'lte' };

/** The first filter that a call does not offer; undefined where it offers all. */
export function missingFilter({ spec }: { readonly spec: CallSpec }, filters: Filters): string | undefined {
  for (const [name, operators] of Object.entries(filters))
    for (const operator of Object.keys(operators)) {
      const isOffered = [operator, wider[operator]].some((one) => one !== undefined && callReads(spec, name, one));
      if (!isOffered) return operator === 'eq' ? name : `${name}.${operator}`;
    }
  return undefined;
}

/** The filters as a call offers them. */
export function offered({ spec }: { readonly spec: CallSpec }, filters: Filters): Filters {
  return Object.fromEntries(
    Object.entries(filters).map(([name, operators]) => [
      name,
      Object.fromEntries(
        Object.entries(operators).map(([operator, value]) => {
          const other = wider[operator];
          return [callReads(spec, name, operator) || other === undefined ? operator : other, value];
        }),
      ),
    ]),
  );
}
