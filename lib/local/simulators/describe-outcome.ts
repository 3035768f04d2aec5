/** Explanations of ingress outcomes that carry no reason. */
const refusals: Readonly<Record<string, string>> = {
  unknown: 'there is no such integration, or no such account of it',
  'method-not-allowed': 'webhooks are sent with POST',
  'too-large': 'the body is too large',
  malformed: 'the body cannot be read',
};

/**
 * One line per request that made no event: its integration, its account and the reason, never its body.
 *
 * @param text - A line that a function logged.
 */
export function describeOutcomes(text: string): readonly string[] {
  const line = parseLine(text);
  if (line['message'] === 'request received') return [describeReceived(line) ?? []].flat();
  if (line['message'] !== 'requests normalized' || !Array.isArray(line['requests'])) return [];
  return (line['requests'] as readonly Logged[]).flatMap((request) => describeNormalized(request) ?? []);
}

type Logged = Readonly<Record<string, unknown>>;

function describeReceived(request: Logged): string | undefined {
  const { outcome, reason } = request;
  if (typeof outcome !== 'string' || (outcome !== 'rejected' && !(outcome in refusals))) return undefined;
  return told('rejected', request, typeof reason === 'string' ? reason : (refusals[outcome] ?? outcome));
}

function describeNormalized(request: Logged): string | undefined {
  const { outcome, reason } = request;
  if (outcome === 'dead-lettered')
    return told(outcome, request, typeof reason === 'string' ? reason : 'no reason was given');
  if (outcome === 'unrouted') return told(outcome, request, 'parked until an account has its context');
  return undefined;
}

/** Names come from URLs and reasons from definitions, so control characters are removed: each is one line. */
function told(what: string, { integration, account }: Logged, why: string): string | undefined {
  if (typeof integration !== 'string') return undefined;
  const whose = `${integration} ${typeof account === 'string' ? account : '(the URL for all accounts)'}`;
  return `${what} ${whose}: ${why}`.replace(/\p{Cc}/gu, ' ');
}

function parseLine(text: string): Logged {
  if (!text.startsWith('{')) return {};
  try {
    return JSON.parse(text) as Logged;
  } catch {
    return {};
  }
}
