import type { ComponentChildren } from 'preact';
import { useLocation } from 'preact-iso';
import { Empty } from './page.tsx';

/** The filters of a page. They are in its address, so that a link shows the same. */
export interface Filters {
  readonly values: Readonly<Record<string, string>>;
  readonly set: (change: Readonly<Record<string, string | undefined>>) => void;
  readonly clear: () => void;
  readonly hasAny: boolean;
}

/** @param names - The filters that the page has. */
export function useFilters(names: readonly string[]): Filters {
  const { path, query, route } = useLocation();
  const values = Object.fromEntries(names.flatMap((name) => (query[name] ? [[name, query[name]]] : [])));
  const go = (next: Readonly<Record<string, string | undefined>>) => {
    const given = Object.entries(next).filter(([, value]) => value !== undefined && value !== '') as [string, string][];
    const search = new URLSearchParams(given).toString();
    route(`${path}${search === '' ? '' : `?${search}`}`, true);
  };
  return {
    values,
    set: (change) => go({ ...query, ...change }),
    clear: () =>
      go(
        Object.fromEntries(
          Object.entries(query).map(([name, value]) => [name, names.includes(name) ? undefined : value]),
        ),
      ),
    hasAny: Object.keys(values).length > 0,
  };
}

/** Shown where filters leave nothing. */
export function NothingMatches({ title, filters }: { readonly title: string; readonly filters: Filters }) {
  return (
    <Empty title={title}>
      <button type="button" onClick={filters.clear}>
        Clear filters
      </button>
    </Empty>
  );
}

/** The row of filters above a list. */
export function FilterBar({ filters, children }: { readonly filters: Filters; readonly children: ComponentChildren }) {
  return (
    <form class="filters" role="search" onSubmit={(event) => event.preventDefault()}>
      {children}
      {filters.hasAny ? (
        <button type="button" class="small" onClick={filters.clear}>
          Clear filters
        </button>
      ) : null}
    </form>
  );
}
