import { posix } from 'node:path';

/** A broken link. */
export interface BrokenLink {
  readonly file: string;
  /** Counts from 1. */
  readonly line: number;
  readonly link: string;
  readonly reason: string;
}

export interface CheckedLinks {
  /** Number of checked relative links. */
  readonly count: number;
  readonly broken: readonly BrokenLink[];
}

/**
 * Check the relative links of Markdown pages: each names a file, and its anchor a heading of that file.
 *
 * @param pages - Texts of the pages by path, relative to the root of the repository.
 * @param files - Paths of all files of the repository, the pages included.
 */
export function checkLinks(pages: ReadonlyMap<string, string>, files: ReadonlySet<string>): CheckedLinks {
  const folders = foldersOf(files);
  const anchors = new Map([...pages].map(([file, text]) => [file, anchorsOf(text)]));
  const broken: BrokenLink[] = [];
  let count = 0;
  for (const [file, text] of pages) {
    for (const { link, line } of linksOf(text)) {
      if (isExternal(link)) continue;
      count += 1;
      const reason = reasonBroken(file, link);
      if (reason !== undefined) broken.push({ file, line, link, reason });
    }
  }
  return { count, broken };

  function reasonBroken(file: string, link: string): string | undefined {
    const [path = '', anchor] = link.split('#', 2).map(decoded);
    const target = path === '' ? file : targetOf(file, path);
    if (!files.has(target) && !folders.has(target)) return `${target} does not exist`;
    if (anchor === undefined) return undefined;
    const known = anchors.get(target);
    if (known === undefined) return `${target} is no Markdown page and has no headings`;
    return known.has(anchor) ? undefined : `${target} has no heading "${anchor}"`;
  }
}

/** GitHub resolves a path that begins with a slash from the root of the repository. */
function targetOf(file: string, path: string): string {
  const joined = path.startsWith('/') ? posix.normalize(path.slice(1)) : posix.join(posix.dirname(file), path);
  return joined.replace(/\/$/, '');
}

function isExternal(link: string): boolean {
  return link.startsWith('//') || /^[a-z][a-z0-9+.-]*:/i.test(link);
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

function foldersOf(files: ReadonlySet<string>): ReadonlySet<string> {
  const folders = new Set(['.']);
  for (const file of files)
    for (let folder = posix.dirname(file); folder !== '.'; folder = posix.dirname(folder)) folders.add(folder);
  return folders;
}

/** Inline links, images, reference definitions, and `href` and `src` of HTML, outside code. */
function linksOf(text: string): { readonly link: string; readonly line: number }[] {
  const prose = withoutCode(text);
  const patterns = [
    /\]\(\s*<?((?:[^()\s<>]|\([^()\s]*\))+)>?(?:\s+["'][^\n]*?["'])?\s*\)/g,
    /^ {0,3}\[[^\]\n]+\]:\s*<?([^\s>]+)/gm,
    /\s(?:href|src)=["']([^"']+)["']/g,
  ];
  return patterns.flatMap((pattern) =>
    [...prose.matchAll(pattern)].map((match) => ({
      link: match[1] ?? '',
      line: prose.slice(0, match.index + match[0].indexOf(match[1] ?? '')).split('\n').length,
    })),
  );
}

/** Anchors as GitHub generates them: a repeated heading gets a number. */
function anchorsOf(text: string): ReadonlySet<string> {
  const anchors = new Set<string>();
  for (const [, heading = ''] of withoutFences(text).matchAll(/^ {0,3}#{1,6}[ \t]+(.*?)[ \t]*#*$/gm)) {
    const anchor = heading
      .replaceAll(/!?\[([^\]]*)\]\([^)]*\)/g, '$1')
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{M}\p{N}_ -]/gu, '')
      .replaceAll(' ', '-');
    let unique = anchor;
    for (let repetition = 1; anchors.has(unique); repetition += 1) unique = `${anchor}-${repetition}`;
    anchors.add(unique);
  }
  for (const [, id = ''] of withoutCode(text).matchAll(/<a\s+(?:id|name)=["']([^"']+)["']/g)) anchors.add(id);
  return anchors;
}

/** The text with its code blanked out line by line, so that positions stay the same. */
function withoutCode(text: string): string {
  return withoutFences(text).replaceAll(/(?<!`)(`+)(?!`)[^\n]*?(?<!`)\1(?!`)/g, (code) => ' '.repeat(code.length));
}

function withoutFences(text: string): string {
  let fence: string | undefined;
  return text
    .split('\n')
    .map((line) => {
      const [, marks] = /^\s*(`{3,}|~{3,})/.exec(line) ?? [];
      if (fence === undefined) {
        fence = marks;
        return marks === undefined ? line : '';
      }
      if (marks?.startsWith(fence) && line.trim() === marks) fence = undefined;
      return '';
    })
    .join('\n');
}
