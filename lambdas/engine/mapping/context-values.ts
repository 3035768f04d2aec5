/** No known provider has a longer id. */
const maxContextCharacters = 512;

/** Values of an account or a request for a context, as text. The input is text or a number, or a list of them. */
export function contextValues(value: unknown): readonly string[] {
  const list: readonly unknown[] = Array.isArray(value) ? value : [value];
  const texts = list.flatMap((one) => (typeof one === 'string' || typeof one === 'number' ? [String(one)] : []));
  return [...new Set(texts)].filter((text) => text !== '' && text.length <= maxContextCharacters);
}
