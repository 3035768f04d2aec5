export interface ValueSyntax {
  readonly syntax: 'hex' | 'digits' | 'base64url' | 'uuid';
  /** Fewest characters. */
  readonly min: number;
  /** Most characters. */
  readonly max: number;
}

/** Each pattern is one character class or a fixed sequence, so matching takes time linear in the length. */
const alphabets: Readonly<Record<ValueSyntax['syntax'], RegExp>> = {
  hex: /^[0-9a-fA-F]+$/,
  digits: /^[0-9]+$/,
  base64url: /^[A-Za-z0-9_-]+$/,
  uuid: /^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$/,
};

/** Whether an unverified text has the syntax that the definition declares. */
export function hasSyntax(text: string, { syntax, min, max }: ValueSyntax): boolean {
  return text.length >= min && text.length <= max && alphabets[syntax].test(text);
}

/** A path's beginning and ending, and the syntax of the text between them. */
export interface PathSyntax extends ValueSyntax {
  readonly prefix: string;
  readonly suffix: string;
}

/** Whether a URL has the declared path and no query. */
export function hasPath(url: URL, path: PathSyntax): boolean {
  const { pathname, search } = url;
  const { prefix, suffix } = path;
  return (
    search === '' &&
    pathname.length >= prefix.length + suffix.length &&
    pathname.startsWith(prefix) &&
    pathname.endsWith(suffix) &&
    hasSyntax(pathname.slice(prefix.length, pathname.length - suffix.length), path)
  );
}
