import { parseJsonExactly } from '../../request/decode-body.ts';
import { evaluate } from '../answer/evaluate.ts';

export interface DiscoverArgument {
  /** The answer's body. */
  readonly text: string;
  readonly records: string;
  readonly capture: Readonly<Record<string, string>>;
  readonly label?: string;
  /** Of the account, with the defaults of the definition. */
  readonly context: Readonly<Record<string, unknown>>;
}

/** Something that a consent gives access to. */
export interface Discovered {
  readonly context: Readonly<Record<string, string>>;
  /** For its owner to read. */
  readonly label: string;
}

const maxFound = 50;
const maxLabelCharacters = 100;

/** What a consent gives access to, by the answer of the provider's call for it. */
export async function discover(
  { text, records, capture, label, context: own }: DiscoverArgument,
  timeoutMs?: number,
): Promise<readonly Discovered[]> {
  const bindings = { status: 200, headers: {}, context: own };
  let found: unknown;
  try {
    found = await evaluate(records, parseJsonExactly(text), bindings, timeoutMs);
  } catch {
    return [];
  }
  const rows = found === undefined || found === null ? [] : Array.isArray(found) ? found : [found];
  return Promise.all(
    rows.slice(0, maxFound).map(async (row: unknown) => {
      const context: Record<string, string> = {};
      for (const [name, expression] of Object.entries(capture)) {
        const value = await evaluate(expression, row, bindings, timeoutMs).catch(() => undefined);
        if (typeof value === 'string' || typeof value === 'number') context[name] = String(value);
      }
      const written =
        label === undefined ? undefined : await evaluate(label, row, bindings, timeoutMs).catch(() => undefined);
      const name = typeof written === 'string' ? written : Object.values(context).join(' ');
      return { context, label: name.slice(0, maxLabelCharacters) };
    }),
  );
}
