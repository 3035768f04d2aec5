import { createHash } from 'node:crypto';

/** Digits of a digest that two different bodies never share. */
const tagLength = 27;

/** The `ETag` of a body. */
export function entityTag(body: string): string {
  return `"${createHash('sha256').update(body).digest('base64url').slice(0, tagLength)}"`;
}

/**
 * Whether `If-None-Match` names what would be answered: the caller has it.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9110#field.if-none-match Compared weakly, as it says there.
 */
export function hasAlready(ifNoneMatch: string | undefined, tag: string): boolean {
  if (ifNoneMatch === undefined) return false;
  return ifNoneMatch.split(',').some((named) => {
    const trimmed = named.trim().replace(/^W\//, '');
    return trimmed === '*' || trimmed === tag;
  });
}
