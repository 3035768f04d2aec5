import type { Deprecation } from './versioned-resource.ts';

/**
 * The headers that tell a reader of older versions that they end: since when they are deprecated, when they
 * cease, and where to read on. Of several versions, the times of the one that is first.
 *
 * @returns With names in lower case; empty where nothing is deprecated.
 * @see https://www.rfc-editor.org/rfc/rfc9745 `Deprecation`, a date of structured fields, and the link's relation
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
