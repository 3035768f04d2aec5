import { z } from 'zod';

/** Accepts the text that `-c` gives for a number, too. */
export function numeric<Schema extends z.ZodType<number>>(schema: Schema) {
  return z.preprocess(
    (value) => (typeof value === 'string' && /^-?\d+(\.\d+)?$/.test(value.trim()) ? Number(value) : value),
    schema,
  );
}

export function wholeNumber(least: number, most: number, unit: string) {
  return numeric(z.number().int().min(least).max(most)).describe(`a whole number of ${unit} from ${least} to ${most}`);
}
