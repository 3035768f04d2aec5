import { RE2JS } from 're2js';

/** Bound on one search, as program size times characters: a few seconds of work. */
const maxSearch = 50_000_000;

/**
 * A regular expression whose search time grows linearly with the text and with the pattern's program.
 *
 * JSONata runs patterns of definitions over text from strangers, and a few characters can keep a backtracking engine
 * busy for hours. Patterns that need backtracking (look-around, back-references) fail when the definition is compiled;
 * a search over too much text fails when it starts.
 *
 * It implements only the members of `RegExp` that JSONata uses: `exec` and `lastIndex`.
 */
export class LinearRegex {
  lastIndex = 0;
  private readonly compiled: RE2JS;

  /** @throws {Error} when the pattern needs backtracking. */
  constructor(pattern: RegExp) {
    this.compiled = compiledOf(pattern);
  }

  /** @throws {Error} with code `search` when the text is too long for the pattern. */
  exec(text: string): (readonly (string | undefined)[] & { readonly index: number }) | null {
    if ((text.length - this.lastIndex) * this.compiled.programSize() > maxSearch)
      throw Object.assign(new Error('the text is too long to search with this pattern'), { code: 'search' });
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

/** JSONata creates an engine at each evaluation of a pattern. The `RegExp` lives as long as its expression. */
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
