import type { RecordStore, StoredRecord } from '../records/record-store.ts';
import type { ServedCall } from '../served-call.ts';
import type { CallMatch } from './call-pattern.ts';
import type { Candidate } from './route-request.ts';

/** A request whose call is known. */
export interface ChosenCall {
  readonly served: ServedCall;
  readonly match: CallMatch;
  /** The resources whose rows a listing has: several where they share an endpoint. */
  readonly resources: readonly string[];
}

/** Choose between calls that a request fits equally: prefer the call whose record it names. */
export function chooseCall(
  candidates: readonly Candidate[],
  served: ReadonlyMap<string, ServedCall>,
  stores: ReadonlyMap<string, RecordStore>,
): ChosenCall | undefined {
  const known = candidates.flatMap(({ pattern, match }) => {
    const call = served.get(pattern.name);
    return call === undefined
      ? []
      : [{ served: call, match, method: pattern.call.method, resource: pattern.call.resource ?? '' }];
  });
  const of = (method: string) => known.filter((one) => one.method === method);
  const gets = of('get');
  const many = of('batch_get').filter(({ match }) => gets.length === 0 || idsIn(match).length > 1);
  const listed = ['changes', 'list', 'deletions'].map(of).find((found) => found.length > 0) ?? [];
  const found =
    known.find(({ resource }) => resource === '') ??
    many[0] ??
    gets.find(({ resource, match }) => recordOf(stores.get(resource), match) !== undefined) ??
    gets[0] ??
    listed[0] ??
    known[0];
  if (found === undefined) return undefined;
  const isListed = listed.includes(found);
  return { ...found, resources: isListed ? listed.map(({ resource }) => resource) : [found.resource] };
}

/** The ids that a request asks for together. */
export function idsIn({ bindings }: CallMatch): readonly string[] {
  const ids = bindings.get('ids')?.[0];
  return [ids ?? []].flat().map(String);
}

/** The record that a request names by its id, else by its address. @param atMs - When it is read. Default: as written. */
export function recordOf(
  store: RecordStore | undefined,
  { bindings }: CallMatch,
  atMs?: number,
): StoredRecord | undefined {
  const ids = bindings.get('id');
  if (ids !== undefined) return ids.map((id) => store?.find(String(id), atMs)).find((record) => record !== undefined);
  const address = [...bindings].filter(([source]) => source.startsWith('address.'));
  return store?.findByAddress(
    Object.fromEntries(address.map(([source, [value]]) => [source.slice('address.'.length), value])),
    atMs,
  );
}
