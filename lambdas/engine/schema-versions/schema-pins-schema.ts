import { z } from 'zod';
import { resourceName } from '../feed/filter-schema.ts';

/** The major versions that a reader of events expects. A schema cannot check that the engine serves them. */

const maxPins = 100;
/** As many digits as the text of a pin may have. */
const major = z.int().min(1).max(999_999_999);

/**
 * The major version by resource.
 *
 * @example
 * { "hris/employees": 1, "crm/contacts": 2 }
 */
export const schemaPins = z
  .record(resourceName, major)
  .refine((pins) => Object.keys(pins).length <= maxPins, `expected at most ${maxPins} resources`);

export type SchemaPins = Readonly<z.output<typeof schemaPins>>;

/**
 * The same pins in the syntax of a query parameter.
 *
 * @example
 * hris/employees@1,crm/contacts@2
 */
export const schemaPinsText = z
  .string()
  // Long enough for all resources. The whole URL may have 10,240 bytes.
  .max(4_096)
  .transform((text, context) => {
    const pins = new Map<string, number>();
    for (const part of text.split(',')) {
      const [, resource = '', digits = ''] = /^([^@]+)@([1-9]\d{0,8})$/.exec(part) ?? [];
      if (resource === '') context.addIssue({ code: 'custom', message: 'expected <model>/<plural>@<major>' });
      else if (pins.has(resource)) context.addIssue({ code: 'custom', message: `${resource} is given twice` });
      pins.set(resource, Number(digits));
    }
    return Object.fromEntries(pins);
  })
  .pipe(schemaPins);
