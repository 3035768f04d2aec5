export type JsonText =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'fault'; readonly message: string };

/** Levels that a value may have, since serializers recurse: twice those of the data of an event. */
const maxDepth = 200;

/**
 * Write what an expression gave as JSON.
 *
 * It is measured before it is written: expressions can give functions, and values that share their parts or
 * repeat their texts, small in memory and without end once written down.
 */
export function writeJson(value: unknown, maxBytes: number): JsonText {
  const fault = faultOf(value, maxBytes);
  if (fault === undefined) {
    const text = JSON.stringify(value);
    if (Buffer.byteLength(text) <= maxBytes) return { kind: 'text', text };
  }
  return { kind: 'fault', message: fault ?? tooLarge(maxBytes) };
}

/** Why a value cannot be written; undefined where it can. */
function faultOf(root: unknown, maxBytes: number): string | undefined {
  /** Sinks by the least that each part of the value takes. */
  let bytesLeft = maxBytes;
  const visit = (value: unknown, levelsLeft: number): string | undefined => {
    bytesLeft -= typeof value === 'string' ? value.length + 2 : 1;
    if (bytesLeft < 0) return tooLarge(maxBytes);
    if (value === null || typeof value === 'string' || typeof value === 'boolean') return undefined;
    if (typeof value === 'number') return Number.isFinite(value) ? undefined : `${value}, which is no JSON`;
    if (typeof value !== 'object') return `a value of type ${typeof value}, which is no JSON`;
    if (levelsLeft === 0) return `more than ${maxDepth} levels`;
    const isList = Array.isArray(value);
    if (!isList) for (const name of Object.keys(value)) bytesLeft -= name.length + 3;
    // JSONata's lists have members beside their items, which JSON leaves out.
    for (const item of isList ? (value as readonly unknown[]) : Object.values(value)) {
      const fault = visit(item, levelsLeft - 1);
      if (fault !== undefined) return fault;
    }
    return undefined;
  };
  return visit(root, maxDepth);
}

function tooLarge(maxBytes: number): string {
  return `more than ${maxBytes} bytes`;
}
