/** How an answer writes a time. */
export type TimeForm = 'seconds' | 'ms' | 'epoch_s' | 'epoch_ms' | 'iso' | 'http_date';

/**
 * Epoch milliseconds of a time in an answer.
 *
 * @param form - Undefined for what `Retry-After` may be: seconds, or an HTTP date.
 * @param nowMs - Of the answer.
 * @returns Undefined if the value is not written in the form.
 */
export function readTimeMs(value: unknown, form: TimeForm | undefined, nowMs: number): number | undefined {
  const text = typeof value === 'number' || typeof value === 'string' ? String(value).trim() : '';
  if (text === '') return undefined;
  const number = /^-?\d+(\.\d+)?$/.test(text) ? Number(text) : undefined;
  switch (form) {
    case undefined:
      return number === undefined ? parsed(text) : nowMs + number * 1000;
    case 'seconds':
      return number === undefined ? undefined : nowMs + number * 1000;
    case 'ms':
      return number === undefined ? undefined : nowMs + number;
    case 'epoch_s':
      return number === undefined ? undefined : number * 1000;
    case 'epoch_ms':
      return number;
    case 'iso':
    case 'http_date':
      return parsed(text);
  }
}

function parsed(text: string): number | undefined {
  const ms = Date.parse(text);
  return Number.isNaN(ms) ? undefined : ms;
}
