import { isDeepStrictEqual } from 'node:util';
import { type Capture, type TemplatePattern, templatePattern } from './template-pattern.ts';

/** What was read from a JSON value, and how many fixed values it shares with its template. */
export interface TreeMatch {
  readonly captures: readonly Capture[];
  readonly literals: number;
}

/** A JSON template that reads its values back. @returns Undefined if the value is not of the template. */
export type TreePattern = (value: unknown) => TreeMatch | undefined;

/** Compile a JSON value whose texts are templates. Members and items with an unset optional part may be missing. */
export function treePattern(tree: unknown): TreePattern {
  return compile(tree).match;
}

interface Compiled {
  readonly match: TreePattern;
  /** Whether the member that holds it may be left out. */
  readonly isOptional: boolean;
  /** Whether a part of it may be left out, and so the item of a list that it is. */
  readonly hasOptional: boolean;
}

function compile(tree: unknown): Compiled {
  if (typeof tree === 'string') return compileText(templatePattern(tree));
  if (Array.isArray(tree)) return compileList(tree.map(compile));
  if (typeof tree === 'object' && tree !== null)
    return compileObject(Object.entries(tree).map(([name, member]) => [name, compile(member)] as const));
  return {
    match: (value) => (isDeepStrictEqual(value, tree) ? { captures: [], literals: 1 } : undefined),
    isOptional: false,
    hasOptional: false,
  };
}

function compileText(pattern: TemplatePattern): Compiled {
  return {
    match(value) {
      const captures = pattern.match(value);
      return captures && { captures, literals: pattern.literalLength > 0 ? 1 : 0 };
    },
    isOptional: pattern.isOptional,
    hasOptional: pattern.isOptional,
  };
}

function compileList(items: readonly Compiled[]): Compiled {
  const align = (values: readonly unknown[], place: number, at: number): TreeMatch | undefined => {
    const item = items[place];
    if (item === undefined) return at === values.length ? { captures: [], literals: 0 } : undefined;
    const own = at < values.length ? item.match(values[at]) : undefined;
    const rest = own && align(values, place + 1, at + 1);
    if (own !== undefined && rest !== undefined) return both(own, rest);
    return item.hasOptional ? align(values, place + 1, at) : undefined;
  };
  return {
    match: (value) => (Array.isArray(value) ? align(value, 0, 0) : undefined),
    isOptional: false,
    hasOptional: false,
  };
}

function compileObject(members: readonly (readonly [string, Compiled])[]): Compiled {
  return {
    match(value) {
      if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
      const given = value as Readonly<Record<string, unknown>>;
      let match: TreeMatch = { captures: [], literals: 0 };
      for (const [name, member] of members) {
        if (!Object.hasOwn(given, name)) {
          if (!member.isOptional) return undefined;
          continue;
        }
        const own = member.match(given[name]);
        if (own === undefined) return undefined;
        match = both(match, own);
      }
      const known = new Set(members.map(([name]) => name));
      return Object.keys(given).every((name) => known.has(name)) ? match : undefined;
    },
    isOptional: false,
    hasOptional: members.some(([, { hasOptional }]) => hasOptional),
  };
}

function both(one: TreeMatch, other: TreeMatch): TreeMatch {
  return { captures: [...one.captures, ...other.captures], literals: one.literals + other.literals };
}
