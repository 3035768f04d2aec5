import { z } from 'zod';

/** Characters of names and ids. */
export const maxNameCharacters = 512;

/** Providers send text or numbers; events carry text. */
export const recordIdText = z
  .union([
    z
      .string()
      .min(1)
      .max(maxNameCharacters)
      // Such text has no UTF-8, and so it can be no key.
      .refine((text) => text.isWellFormed(), 'expected no half of a surrogate pair'),
    z.number(),
  ])
  .transform(String);
