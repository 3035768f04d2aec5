export type JsonText =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'fault'; readonly message: string };

/** Levels that a value may have, because serializers recurse: twice those of an event's data. */
const maxDepth = 200;

/**
 * Write the result of an expression as JSON.
 *
 * It measures the value first. An expression can return functions, and values with shared parts that are small in
 * memory but enormous as text.
 */
export function writeJson(value: unknown, maxBytes: number): JsonText {
  const fault = faultOf(value, maxBytes);
  if (fault === undefined) {
    const text = JSON.stringify(value);
    if (Buffer.byteLength(text) <= maxBytes) return { kind: 'text', text };
  }
  return { kind: 'fault', message: fault ?? tooLarge(maxBytes) };
}

/** Why a value cannot be written; undefined if it can. */
function faultOf(root: unknown, maxBytes: number): string | undefined {
  /** Falls by the minimum size of each part of the value. */
  let bytesLeft = maxBytes;
  const visit = (value: unknown, levelsLeft: number): string | undefined => {
    bytesLeft -= typeof value === 'string' ? value.length + 2 : 1;
    if (bytesLeft < 0) return tooLarge(maxBytes);
    if (value === null || typeof value === 'string' || typeof value === 'boolean') return undefined;
    if (typeof value === 'number') return Number.isFinite(value) ? undefined : `${value}, which is not JSON`;
    if (typeof value !== 'object') return `a value of type ${typeof value}, which is not JSON`;
    if (levelsLeft === 0) return `more than ${maxDepth} levels`;
    const isList = Array.isArray(value);
    if (!isList) for (const name of Object.keys(value)) bytesLeft -= name.length + 3;
    // JSONata adds members of its own to a list; JSON carries only the items.
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
