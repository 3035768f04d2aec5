import { createHash } from 'node:crypto';

/** Digits of the digest: enough that two different bodies never share a tag. */
const tagLength = 27;

/** The `ETag` of a body. */
export function entityTag(body: string): string {
  return `"${createHash('sha256').update(body).digest('base64url').slice(0, tagLength)}"`;
}

/**
 * Whether `If-None-Match` names this tag: the caller has the answer already.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9110#field.if-none-match It requires the weak comparison.
 */
export function hasAlready(ifNoneMatch: string | undefined, tag: string): boolean {
  if (ifNoneMatch === undefined) return false;
  return ifNoneMatch.split(',').some((named) => {
    const trimmed = named.trim().replace(/^W\//, '');
    return trimmed === '*' || trimmed === tag;
  });
}
