/** The route that matches a request. */
export interface RouteMatch<Target> {
  readonly routeKey: string;
  readonly target: Target;
  /** Decoded; undefined when the route has no variables. */
  readonly pathParameters: Readonly<Record<string, string>> | undefined;
}

export interface Router<Target> {
  /** @param path - Percent-encoded, as it was sent. */
  match(method: string, path: string): RouteMatch<Target> | undefined;
}

interface Route<Target> {
  readonly routeKey: string;
  readonly target: Target;
  readonly method: string;
  readonly segments: readonly Segment[];
}

type Segment =
  | { readonly kind: 'static'; readonly text: string }
  | { readonly kind: 'variable'; readonly name: string }
  | { readonly kind: 'greedy'; readonly name: string };

/** Which of two segments of different kinds is more specific. */
const rank = { static: 0, variable: 1, greedy: 2 } as const;

/**
 * Route requests as an HTTP API does. A full match of the path wins over a greedy variable, which wins over `$default`;
 * static segments win over variables, and a method over `ANY`.
 *
 * @throws {RangeError} when a route key is malformed.
 * @see https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-routes.html
 */
export function createRouter<Target>(routes: readonly { routeKey: string; target: Target }[]): Router<Target> {
  const fallback = routes.find(({ routeKey }) => routeKey === '$default');
  const ordered = routes
    .filter(({ routeKey }) => routeKey !== '$default')
    .map(parseRoute)
    .sort(bySpecificity);
  return {
    match(method, path) {
      const segments = path.split('/').slice(1);
      for (const route of ordered) {
        if (route.method !== 'ANY' && route.method !== method) continue;
        const found = matchSegments(route.segments, segments);
        if (found === undefined) continue;
        const pathParameters = Object.keys(found).length > 0 ? found : undefined;
        return { routeKey: route.routeKey, target: route.target, pathParameters };
      }
      return fallback && { routeKey: '$default', target: fallback.target, pathParameters: undefined };
    },
  };
}

function parseRoute<Target>({ routeKey, target }: { routeKey: string; target: Target }): Route<Target> {
  const parts = /^([A-Z]+) (\/\S*)$/.exec(routeKey);
  if (parts === null) throw new RangeError(`Route ${routeKey}: expected '<METHOD> /<path>' or '$default'`);
  const texts = (parts[2] ?? '').split('/').slice(1);
  const segments = texts.map((text, index): Segment => {
    const variable = /^\{([^{}+]+)(\+?)\}$/.exec(text);
    if (variable === null) return { kind: 'static', text };
    const greedy = variable[2] === '+';
    if (greedy && index < texts.length - 1)
      throw new RangeError(`Route ${routeKey}: a greedy variable must be the last`);
    return { kind: greedy ? 'greedy' : 'variable', name: variable[1] ?? '' };
  });
  return { routeKey, target, method: parts[1] ?? '', segments };
}

function bySpecificity(a: Route<unknown>, b: Route<unknown>): number {
  const isGreedy = (route: Route<unknown>) => (route.segments.at(-1)?.kind === 'greedy' ? 1 : 0);
  if (isGreedy(a) !== isGreedy(b)) return isGreedy(a) - isGreedy(b);
  for (let index = 0; index < Math.min(a.segments.length, b.segments.length); index++) {
    const order = rank[a.segments[index]?.kind ?? 'static'] - rank[b.segments[index]?.kind ?? 'static'];
    if (order !== 0) return order;
  }
  if (a.segments.length !== b.segments.length) return b.segments.length - a.segments.length;
  return (a.method === 'ANY' ? 1 : 0) - (b.method === 'ANY' ? 1 : 0);
}

function matchSegments(pattern: readonly Segment[], path: readonly string[]): Record<string, string> | undefined {
  const found: Record<string, string> = {};
  for (const [index, segment] of pattern.entries()) {
    const text = path[index];
    if (text === undefined) return undefined;
    switch (segment.kind) {
      case 'static':
        if (decodePath(text) !== segment.text) return undefined;
        break;
      case 'variable':
        if (text === '') return undefined;
        found[segment.name] = decodePath(text);
        break;
      case 'greedy': {
        const rest = path.slice(index).join('/');
        if (rest === '') return undefined;
        found[segment.name] = decodePath(rest);
        return found;
      }
    }
  }
  return path.length === pattern.length ? found : undefined;
}

/** Percent-decode a text; return a malformed one unchanged. */
export function decodePath(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
