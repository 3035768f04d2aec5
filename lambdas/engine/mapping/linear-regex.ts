import { RE2JS } from 're2js';

/** Program size times characters that one search may take: some seconds of work. */
const maxSearch = 50_000_000;

/**
 * A regular expression whose search takes time in proportion to the text and to the pattern's program:
 * JSONata runs patterns of definitions over text that strangers send, and a backtracking engine can be
 * kept busy for hours by a few characters. Look-around and back-references, which need backtracking, are
 * refused when the definition is compiled; a search that is too long is refused when it is made.
 *
 * It has just what JSONata asks of a `RegExp`: `exec` and `lastIndex`.
 */
export class LinearRegex {
  lastIndex = 0;
  private readonly compiled: RE2JS;

  /** @throws {Error} where the pattern needs backtracking. */
  constructor(pattern: RegExp) {
    this.compiled = compiledOf(pattern);
  }

  /** @throws {Error} of code `search` where the text is too long for the pattern. */
  exec(text: string): (readonly (string | undefined)[] & { readonly index: number }) | null {
    if ((text.length - this.lastIndex) * this.compiled.programSize() > maxSearch)
      throw Object.assign(new Error('the text is too long to be searched with this pattern'), { code: 'search' });
    const matcher = this.compiled.matcher(text);
    if (this.lastIndex > text.length || !matcher.find(this.lastIndex)) {
      this.lastIndex = 0;
      return null;
    }
    const groups = Array.from({ length: matcher.groupCount() + 1 }, (_, index) => matcher.group(index) ?? undefined);
    this.lastIndex = matcher.end();
    return Object.assign(groups, { index: matcher.start() });
  }
}

/** JSONata makes an engine at every evaluation of a pattern; the pattern is that of its expression, and lives as long. */
const compiledPatterns = new WeakMap<RegExp, RE2JS>();

function compiledOf(pattern: RegExp): RE2JS {
  const known = compiledPatterns.get(pattern);
  if (known !== undefined) return known;
  const { source, flags } = pattern;
  const compiled = RE2JS.compile(
    source,
    (flags.includes('i') ? RE2JS.CASE_INSENSITIVE : 0) | (flags.includes('m') ? RE2JS.MULTILINE : 0),
  );
  compiledPatterns.set(pattern, compiled);
  return compiled;
}
