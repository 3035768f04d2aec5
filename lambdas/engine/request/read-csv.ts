import { parse } from 'csv-parse/sync';

/**
 * Read comma-separated values (RFC 4180) whose first line has the names. The separator is a comma, a semicolon or a tab,
 * whichever the first line has most of; all values are texts.
 *
 * @throws {Error} if a quote is not closed, or a line has more or fewer values than the first one.
 */
export function readCsv(text: string): readonly Readonly<Record<string, string>>[] {
  const [first = ''] = text.split('\n', 1);
  const [delimiter = ','] = [',', ';', '\t'].toSorted((one, other) => countOf(first, other) - countOf(first, one));
  return parse(text, { bom: true, columns: true, delimiter, skip_empty_lines: true }) as Record<string, string>[];
}

function countOf(text: string, character: string): number {
  return text.split(character).length;
}
