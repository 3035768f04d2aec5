import { z } from 'zod';
import { combinedType, eventTypes } from '../event/canonical-event.ts';
import { operationalTypes } from '../event/operational-types.ts';

/** Patterns for filters. A pattern that no event can match would be a silent mistake, so the schema rejects it. */

const operations = Object.keys(operationalTypes);
const families = [...new Set(operations.map((type) => `${type.split('.')[0]}.*`))];
/** Every type, and every prefix that several types share. `*` matches all record events. */
const typePatterns = ['*', 'record:*', ...eventTypes, combinedType, ...families, ...operations];
const knownTypes = new Set(typePatterns);

export const typePattern = z
  .string()
  .refine((pattern) => knownTypes.has(pattern), { error: `expected one of ${typePatterns.join(', ')}` });

/** `<model>/<plural>`, or a prefix followed by `*`. */
export const resourcePattern = z
  .string()
  .max(128)
  .regex(
    /^(\*|[a-z][a-z_]*\*|[a-z][a-z_]*\/([a-z][a-z_]*)?\*|[a-z][a-z_]*\/[a-z][a-z_]*)$/,
    'expected a resource such as hris/employees, or hris/*',
  );

/** `<model>/<plural>`. */
export const resourceName = z
  .string()
  .max(128)
  .regex(/^[a-z][a-z_]*\/[a-z][a-z_]*$/, 'expected a resource such as hris/employees');

export const recordEventType = z.enum(eventTypes);
