/** A test that a page quotes and that does not exist. */
export interface MissingTest {
  readonly file: string;
  /** Counts from 1. */
  readonly line: number;
  readonly name: string;
}

/**
 * Find the tests that a Markdown page quotes. A link to a test file quotes the test that its text names.
 *
 * @param read - Text of a file by the path that the page writes; undefined if it does not exist.
 * @returns How many tests are quoted, and those that no file has.
 */
export function checkQuotedTests(
  page: string,
  read: (path: string) => string | undefined,
): { readonly count: number; readonly missing: readonly MissingTest[] } {
  const quoted = [...page.matchAll(/\[([^\]]+)\]\(([^()\s]+\.test\.ts)\)/g)].map((match) => ({
    name: match[1] ?? '',
    file: match[2] ?? '',
    line: page.slice(0, match.index).split('\n').length,
  }));
  return { count: quoted.length, missing: quoted.filter(({ name, file }) => !hasTest(read(file) ?? '', name)) };
}

/** Whether the text of a test file has the name as a whole literal. */
function hasTest(text: string, name: string): boolean {
  return ["'", '"', '`'].some((quote) => text.includes(`${quote}${name}${quote}`));
}
