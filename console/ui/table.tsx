import type { ComponentChildren } from 'preact';
import type { Listed } from '../queries.ts';
import { Standing } from './problem.tsx';

export interface Column<Item> {
  readonly title: string;
  readonly show: (item: Item) => ComponentChildren;
  /** Numbers stand at the right. */
  readonly isNumber?: boolean;
  /** Left out on narrow screens. */
  readonly isMinor?: boolean;
}

interface TableProps<Item> {
  /** What the table holds; read by screen readers. */
  readonly caption: string;
  readonly columns: readonly Column<Item>[];
  readonly items: readonly Item[];
  readonly keyOf: (item: Item) => string;
}

export function Table<Item>({ caption, columns, items, keyOf }: TableProps<Item>) {
  const classOf = ({ isNumber, isMinor }: Column<Item>) =>
    [isNumber === true ? 'number' : '', isMinor === true ? 'minor' : ''].filter((name) => name !== '').join(' ') ||
    undefined;
  return (
    <div class="table" role="region" aria-label={caption} tabIndex={0}>
      <table>
        <caption class="hidden">{caption}</caption>
        <thead>
          <tr>
            {columns.map((column) => (
              <th key={column.title} scope="col" class={classOf(column)}>
                {column.title}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {items.map((item) => (
            <tr key={keyOf(item)}>
              {columns.map((column) => (
                <td key={column.title} class={classOf(column)}>
                  {column.show(item)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

interface ListTableProps<Item> extends Omit<TableProps<Item>, 'items'> {
  readonly list: Listed<Item>;
  /** Shown where there is nothing. */
  readonly empty: ComponentChildren;
}

/** A list of the API: its problem, its entries, and a button for more. */
export function ListTable<Item>({ list, empty, ...table }: ListTableProps<Item>) {
  const { data, hasMore, more, isFetching } = list;
  return (
    <>
      <Standing of={list} what={table.caption.toLowerCase()} />
      {data === undefined ? null : data.length === 0 && !hasMore ? empty : <Table {...table} items={data} />}
      {data !== undefined && hasMore ? (
        <p class="more">
          {data.length === 0 ? <span>Nothing found among the newest. </span> : null}
          <button type="button" onClick={more} disabled={isFetching}>
            {isFetching ? 'Loading…' : data.length === 0 ? 'Look further back' : 'Show more'}
          </button>
        </p>
      ) : null}
    </>
  );
}
