import type { ResourceSchema } from '../mapping/check-resource.ts';
import type { RecordTraits } from '../records/observation.ts';
import type { Definition } from './schema.ts';

/**
 * What a resource of an integration says about the states of its records. The definition goes before the canonical
 * resource; what is volatile by either is volatile.
 *
 * @returns Undefined where its events are facts, which have no state.
 */
export function recordTraitsOf(
  { resources }: Pick<Definition, 'resources'>,
  resource: string,
  schema: Pick<ResourceSchema, 'state' | 'volatile'> | undefined,
): RecordTraits | undefined {
  const said = resources !== undefined && Object.hasOwn(resources, resource) ? resources[resource] : undefined;
  const source = said?.from === undefined ? undefined : resources?.[said.from];
  if ((said?.state ?? schema?.state) === 'none') return undefined;
  return {
    versionKind: (said?.version ?? source?.version)?.as ?? 'opaque',
    isPartial: said?.whole === false,
    volatile: [...(schema?.volatile ?? []), ...(said?.volatile ?? [])],
  };
}
