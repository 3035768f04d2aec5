import type { ComponentChildren } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { href } from '../../session.ts';
import { TextField } from '../../ui/field.tsx';

interface CatalogueEntry {
  readonly id: string;
  readonly title: string;
  readonly group?: string;
  /** In a word, beside the title. */
  readonly note?: string | undefined;
}

interface CatalogueSplitProps {
  /** What the entries are; read by screen readers. */
  readonly label: string;
  /** The filter that names the chosen one. */
  readonly parameter: string;
  readonly entries: readonly CatalogueEntry[];
  readonly chosen: string | undefined;
  readonly children: ComponentChildren;
}

/** A list at the side, and the chosen entry. */
export function CatalogueSplit({ label, parameter, entries, chosen, children }: CatalogueSplitProps) {
  const [text, setText] = useState('');
  const list = useRef<HTMLDivElement>(null);
  const count = entries.length;
  useEffect(() => {
    const entry = list.current?.querySelector<HTMLElement>('[aria-current]');
    if (list.current === null || entry === null || entry === undefined) return;
    const { scrollTop, clientHeight } = list.current;
    const isShown = entry.offsetTop >= scrollTop && entry.offsetTop + entry.offsetHeight <= scrollTop + clientHeight;
    // Only the list is scrolled, not the page.
    if (!isShown) list.current.scrollTop = entry.offsetTop - clientHeight / 2;
  }, [chosen, count]);
  const wanted = text.trim().toLowerCase();
  const found = entries.filter(({ id, title }) => `${id} ${title}`.toLowerCase().includes(wanted));
  const groups = [...new Set(found.map(({ group }) => group ?? ''))];
  return (
    <div class="split">
      <nav class="split-list" aria-label={label}>
        <TextField label="Find" type="search" value={text} onChange={setText} />
        <p class="quiet" role="status">
          {wanted === '' ? '' : `${found.length} found`}
        </p>
        <div class="split-entries" ref={list}>
          {groups.map((group) => (
            <div key={group}>
              {group === '' ? null : <p class="quiet">{group}</p>}
              <ul>
                {found
                  .filter((entry) => (entry.group ?? '') === group)
                  .map(({ id, title, note }) => (
                    <li key={id}>
                      <a
                        href={href(`/catalogue?${parameter}=${encodeURIComponent(id)}`)}
                        aria-current={id === chosen ? 'true' : undefined}
                      >
                        {title}
                        {note === undefined ? null : <span class="quiet"> {note}</span>}
                      </a>
                    </li>
                  ))}
              </ul>
            </div>
          ))}
        </div>
      </nav>
      <div class="split-chosen">{children}</div>
    </div>
  );
}
