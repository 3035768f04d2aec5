/** Outcomes of ingress that have no reason of their own. */
const refusals: Readonly<Record<string, string>> = {
  unknown: 'there is no such integration, or no such account of it',
  'method-not-allowed': 'webhooks are sent with POST',
  'too-large': 'the body is too large',
  malformed: 'the body cannot be read',
};

/**
 * A request that came to nothing, in one line: which integration's and account's it was, and why. Never of its body.
 *
 * @param text - A line that a function logged.
 * @returns Undefined where it tells of anything else.
 */
export function describeOutcome(text: string): string | undefined {
  const { message, integration, account, outcome, reason } = parseLine(text);
  if (typeof integration !== 'string' || typeof outcome !== 'string') return undefined;
  const whose = `${integration} ${typeof account === 'string' ? account : '(the URL for all accounts)'}`;
  const told = typeof reason === 'string' ? reason : undefined;
  if (message === 'request received' && (outcome === 'rejected' || outcome in refusals))
    return inOneLine(`rejected ${whose}: ${told ?? refusals[outcome] ?? outcome}`);
  if (message !== 'request normalized') return undefined;
  if (outcome === 'dead-lettered') return inOneLine(`dead-lettered ${whose}: ${told ?? 'no reason was given'}`);
  if (outcome === 'unrouted') return inOneLine(`unrouted ${whose}: parked until an account has its context`);
  return undefined;
}

function parseLine(text: string): Readonly<Record<string, unknown>> {
  if (!text.startsWith('{')) return {};
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    return {};
  }
}

/** Names come from URLs, and reasons from definitions: neither may write more than its line. */
function inOneLine(line: string): string {
  return line.replace(/\p{Cc}/gu, ' ');
}
