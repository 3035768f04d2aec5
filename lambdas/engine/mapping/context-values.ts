/** No provider's id is longer. */
const maxContextCharacters = 512;

/** The values that an account, or a request, has for a context: one, or a list; text or numbers, as text. */
export function contextValues(value: unknown): readonly string[] {
  const list: readonly unknown[] = Array.isArray(value) ? value : [value];
  const texts = list.flatMap((one) => (typeof one === 'string' || typeof one === 'number' ? [String(one)] : []));
  return [...new Set(texts)].filter((text) => text !== '' && text.length <= maxContextCharacters);
}
