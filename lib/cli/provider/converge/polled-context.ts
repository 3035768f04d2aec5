import type { SyncStep } from '../../../../lambdas/engine/provider/language/sync-schema.ts';
import type { OfflineProvider } from '../../../local/simulators/provider/provider-simulator.ts';

/** Values of one list. */
const mostValues = 3;

/**
 * The context of the exchanges, with the lists that `each` of a sync reads. A list that no exchange has is made of what
 * the exchanges say of one: the same name in the singular, or the addresses of the records.
 */
export function polledContext(
  provider: Pick<OfflineProvider, 'context' | 'records'>,
  steps: readonly SyncStep[],
): Readonly<Record<string, unknown>> {
  const lists = steps.flatMap(({ resource, each = {} }) =>
    Object.entries(each).flatMap(([filter, source]) => {
      const name = source.replace(/^context\./, '');
      if (provider.context[name] !== undefined) return [];
      const single = provider.context[filter];
      const addresses = provider.records(resource).flatMap(({ address }) => address[filter] ?? []);
      const values = single === undefined ? [...new Set(addresses)].slice(0, mostValues) : [single];
      return [[name, values] as const];
    }),
  );
  return { ...provider.context, ...Object.fromEntries(lists) };
}

/** A list without values, of which nothing would be polled. */
export function emptyList(context: Readonly<Record<string, unknown>>, steps: readonly SyncStep[]): string | undefined {
  return steps
    .flatMap(({ each = {} }) => Object.values(each))
    .find((source) => [context[source.replace(/^context\./, '')]].flat().every((value) => value === undefined));
}
