import { z } from 'zod';
import { source } from '../template/template-schema.ts';
import { checkAuthoring } from './check-authoring.ts';
import { checkNames } from './check-kinds.ts';
import type { ConditionSpec, VerifySpec } from './check-tree.ts';

const scalar = z.union([z.string(), z.number(), z.boolean()]);

export const condition: z.ZodType<ConditionSpec> = z
  .record(source, z.union([scalar, z.array(scalar).min(1), z.strictObject({ present: z.boolean() })]))
  .describe(
    'Expected values by source; all must match. A list matches any of its values; `present` checks whether the source has a value.',
  );

const checks = Object.fromEntries(checkNames.map((name) => [name, checkAuthoring[name].schema().optional()]));
const nodeNames = [...checkNames, 'all', 'any', 'cases', 'each'].join(', ');

export const verifyNodes: z.ZodType<VerifySpec> = z.lazy(() =>
  z
    .strictObject({
      ...checks,
      all: z.array(verifyNodes).min(1).optional(),
      any: z.array(verifyNodes).min(1).optional(),
      cases: z
        .array(z.strictObject({ when: condition.optional(), verify: verifyNodes }))
        .min(1)
        .optional(),
      each: z.strictObject({ items: source, verify: verifyNodes }).optional(),
    })
    .superRefine((node, context) => {
      const keys = Object.keys(node);
      if (keys.length !== 1)
        context.addIssue({
          code: 'custom',
          message: `got ${keys.length === 0 ? 'no key' : keys.join(' and ')}, expected exactly one of ${nodeNames}`,
        });
    }),
) as z.ZodType<VerifySpec>;
