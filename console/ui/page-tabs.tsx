import { useLocation } from 'preact-iso';

interface PageTabsProps<Tab extends string> {
  readonly label: string;
  /** Titles by tab; the first one is shown where the address names none. */
  readonly tabs: Readonly<Record<Tab, string>>;
  readonly current: Tab;
}

/** Parts of a page, as links: the address says which one is shown. */
export function PageTabs<Tab extends string>({ label, tabs, current }: PageTabsProps<Tab>) {
  const { path } = useLocation();
  const entries = Object.entries(tabs) as [Tab, string][];
  return (
    <nav class="tabs" aria-label={label}>
      {entries.map(([tab, title], place) => (
        <a
          key={tab}
          href={place === 0 ? path : `${path}?tab=${tab}`}
          aria-current={tab === current ? 'page' : undefined}
        >
          {title}
        </a>
      ))}
    </nav>
  );
}

/** The tab that the address names, or the first one. */
export function useTab<Tab extends string>(tabs: Readonly<Record<Tab, string>>): Tab {
  const { query } = useLocation();
  const names = Object.keys(tabs) as Tab[];
  return names.find((name) => name === query['tab']) ?? (names[0] as Tab);
}
