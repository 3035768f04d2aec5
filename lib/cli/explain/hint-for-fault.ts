import type { JsonSchema } from '../../definitions/definition-json-schema.ts';

/** A fault of a value, as far as hints need it. */
export interface FaultyValue {
  readonly message: string;
  /** The key whose value it is. */
  readonly key: string;
  readonly value: unknown;
  /** The schemas that may apply to the value. */
  readonly schemas: readonly JsonSchema[];
}

/** What to write in the place of a value of the wrong type, or for a missing one. */
export function hintForValue({ message, key, value, schemas }: FaultyValue): string | undefined {
  const description = schemas.find((schema) => schema.description !== undefined)?.description;
  if (message.startsWith(`got no \`${key}\`,`) || message.startsWith('got nothing'))
    return description === undefined ? undefined : `\`${key}\`: ${description}`;
  if (typeof value === 'number' && message.startsWith('expected a duration')) return `write ${value}s for seconds`;
  if (message.startsWith('expected a status')) return hintForNumber(value);
  const [, expected] =
    /^expected (a text|a number|a whole number|a list|keys with values|true or false)/.exec(message) ?? [];
  switch (expected) {
    case 'a text':
      return hintForText(value) ?? description;
    case 'a number':
    case 'a whole number':
      return hintForNumber(value) ?? description;
    case 'a list':
      return typeof value === 'string'
        ? `write [${value}]`
        : isMapping(value)
          ? 'begin each item with "- "'
          : description;
    case 'keys with values':
      return `write ${exampleOf(key, schemas)}`;
    case 'true or false':
      return /^(true|false|yes|no)$/i.test(String(value))
        ? `write ${/^(true|yes)$/i.test(String(value))}`
        : description;
    default:
      return undefined;
  }
}

function hintForNumber(value: unknown): string | undefined {
  const isNumber = typeof value === 'string' && value.trim() !== '' && !Number.isNaN(Number(value));
  return isNumber ? `write ${value} without quotes` : undefined;
}

function hintForText(value: unknown): string | undefined {
  if (typeof value === 'number' || typeof value === 'boolean') return `write "${value}" in quotes`;
  const [only, ...others] = isMapping(value) ? Object.entries(value) : [];
  // `{header.x}` without quotes is a mapping with one key.
  return only !== undefined && others.length === 0 && only[1] === null && /^\w+(\.[\w.?-]+)*$/.test(only[0])
    ? `write "{${only[0]}}" in quotes`
    : undefined;
}

/** What a mapping looks like: its required members, or the most usual one. */
function exampleOf(key: string, schemas: readonly JsonSchema[]): string {
  const schema = schemas.find(({ properties, additionalProperties }) => properties ?? additionalProperties);
  const names = Object.keys(schema?.properties ?? {});
  if (names.length === 0) return `${key}: { <name>: <value> }`;
  const required = schema?.required?.filter((name) => schema.properties?.[name]?.default === undefined) ?? [];
  const usual = ['from', 'path', 'headers', 'call'].filter((name) => names.includes(name));
  const shown = [...new Set([...usual.slice(0, 1), ...required])];
  return `${key}: { ${(shown.length === 0 ? names.slice(0, 2) : shown).map((name) => `${name}: …`).join(', ')} }`;
}

/** What to do about a key that is not allowed where it is. */
export function hintForKey(
  key: string,
  value: unknown,
  below: Readonly<Record<string, readonly string[]>>,
): string | undefined {
  // `{ help: Your name, as in the address }` has the key "as in the address".
  if (value === null && /\s/.test(key))
    return `within { … } a comma ends a text: write the whole text in quotes, as in "…, ${key}"`;
  const homes = Object.keys(below).filter((name) => below[name]?.includes(key));
  return homes.length === 0 || homes.length > 2
    ? undefined
    : `it belongs into ${homes.map((name) => `\`${name}\``).join(' or ')}`;
}

/** What to do about a line that is no YAML. */
export function hintForYaml(line: string, message: string): string | undefined {
  if (/\t/.test(line.slice(0, line.search(/\S|$/)))) return 'indent with spaces';
  if (/:\s+[^"'{[|>#\s][^"'#]*:\s/.test(line) && !line.includes('{')) return 'write a text that holds ": " in quotes';
  const withoutQuotes = line.replace(/"[^"]*"|'[^']*'/g, '""');
  if (/:\s+\{\w+(\.[\w.?-]+)*[^},]*\}[^\s,}]|[^\s{,:[][^,{]*\{\w+(\.[\w.?-]+)*(\s*\|[^}]*)?\}/.test(withoutQuotes))
    return 'write a text with { and } in quotes, as in "/tickets/{id}"';
  return /[{[]/.test(withoutQuotes) && /flow|scalar|token|comma/i.test(message)
    ? 'check the quotes and the commas within { … } and [ … ]'
    : undefined;
}

function isMapping(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
