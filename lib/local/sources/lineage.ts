import { createHash, randomBytes } from 'node:crypto';

/** Invocations of one function in one chain of messages, after which Lambda stops the chain. */
export const maxHops = 16;

/** An invocation, as seen by Lambda's detection of recursive loops. */
export interface Hop {
  /** Lambda passes it to the function as `_X_AMZN_TRACE_ID`, and the SDK forwards it with each request. */
  readonly traceHeader: string;
  /** Invocations of the function in this chain, this one included. */
  readonly hops: number;
}

/**
 * Count one more invocation of a function in the chain of its messages. If a batch mixes several chains, the new chain
 * takes the highest count of each function, so that batching never shortens a chain.
 *
 * @param traceHeaders - Of the messages, `Root=1-…;Lineage=a87bd80c:1|68fd508a:5`; empty at the start of a chain.
 * @see https://docs.aws.amazon.com/lambda/latest/dg/invocation-recursion.html
 */
export function nextHop(functionArn: string, traceHeaders: readonly string[], nowMs: number): Hop {
  const lineage = new Map<string, number>();
  for (const [key, hops] of traceHeaders.flatMap(readLineage)) lineage.set(key, Math.max(hops, lineage.get(key) ?? 0));
  const own = createHash('sha256').update(functionArn).digest('hex').slice(0, 8);
  const hops = (lineage.get(own) ?? 0) + 1;
  lineage.set(own, hops);
  const root = traceHeaders.map((header) => partOf(header, 'Root')).find((one) => one !== undefined);
  const text = [...lineage].map((entry) => entry.join(':')).join('|');
  return { hops, traceHeader: `Root=${root ?? newRoot(nowMs)};Sampled=0;Lineage=${text}` };
}

function readLineage(header: string): [string, number][] {
  return (partOf(header, 'Lineage') ?? '').split('|').flatMap((entry): [string, number][] => {
    const [, key, hops] = /^([0-9a-f]{8}):(\d+)$/.exec(entry) ?? [];
    return key === undefined ? [] : [[key, Number(hops)]];
  });
}

function partOf(header: string, name: string): string | undefined {
  return header
    .split(';')
    .find((part) => part.startsWith(`${name}=`))
    ?.slice(name.length + 1);
}

export function newRoot(nowMs: number): string {
  return `1-${Math.floor(nowMs / 1_000).toString(16)}-${randomBytes(12).toString('hex')}`;
}
