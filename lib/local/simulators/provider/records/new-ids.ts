/** Digits at the end of a new id, if the example does not end with a number. */
const countedDigits = 6;
const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/**
 * Make an id like another one: a number, a UUID or a text.
 *
 * @param place - From 1; a higher place gives a higher id.
 */
export function idLike(example: string, place: number): string {
  if (/^-?\d+$/.test(example)) return String(BigInt(example) + BigInt(place));
  if (uuid.test(example)) return example.slice(0, -12) + place.toString(16).padStart(12, '0');
  const [, start = '', digits = ''] = /^(.*?)(\d{1,15})$/s.exec(example) ?? [];
  if (digits.length > 1) return start + String(Number(digits) + place).padStart(digits.length, '0');
  const kept = example.length > 2 * countedDigits ? example.slice(0, -countedDigits) : example;
  return kept + String(place).padStart(countedDigits, '0');
}
