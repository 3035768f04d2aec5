import { useEffect, useRef } from 'preact/hooks';
import type { Listed } from '../queries.ts';

/** Pages that are read by themselves; beyond them, one asks for more. */
const mostPages = 20;

/**
 * Read a list to its end, where what is shown needs all of it: a sum, or a filter that the API does not have.
 *
 * @param isWanted - False to read the first page only.
 */
export function useWhole<Item>(list: Listed<Item>, isWanted = true): Listed<Item> {
  const asked = useRef(0);
  if (list.data === undefined) asked.current = 0;
  const goesOn =
    isWanted && list.hasMore && !list.isFetching && list.problem === undefined && asked.current < mostPages;
  useEffect(() => {
    if (!goesOn) return;
    asked.current += 1;
    list.more();
  }, [goesOn, list.data]);
  return list;
}
