import type { Deprecation } from './versioned-resource.ts';

/**
 * Headers that announce the end of older versions to their readers: deprecation date, sunset date and link to
 * the migration guide. For several versions, the earliest dates.
 *
 * @returns Headers with lower-case names; empty if nothing is deprecated.
 * @see https://www.rfc-editor.org/rfc/rfc9745 `Deprecation`, a structured field date, and the link relation
 * @see https://www.rfc-editor.org/rfc/rfc8594 `Sunset`, an HTTP-date
 */
export function deprecationHeaders(deprecations: readonly Deprecation[]): Readonly<Record<string, string>> {
  const deprecatedAtMs = earliest(deprecations.map(({ deprecatedAt }) => deprecatedAt));
  const sunsetAtMs = earliest(deprecations.map(({ sunsetAt }) => sunsetAt));
  const links = new Set(deprecations.flatMap(({ link }) => link ?? []));
  return {
    ...(deprecatedAtMs === undefined ? {} : { deprecation: `@${Math.floor(deprecatedAtMs / 1000)}` }),
    ...(sunsetAtMs === undefined ? {} : { sunset: new Date(sunsetAtMs).toUTCString() }),
    ...(links.size === 0 ? {} : { link: [...links].map((link) => `<${link}>; rel="deprecation"`).join(', ') }),
  };
}

function earliest(times: readonly (string | null)[]): number | undefined {
  const known = times.flatMap((time) => (time === null ? [] : Date.parse(time)));
  return known.length === 0 ? undefined : Math.min(...known);
}
