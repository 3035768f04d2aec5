import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, test } from 'vitest';
import { resourceFormats } from '../../lambdas/engine/mapping/check-resource.ts';
import { compileResources } from '../../lib/definitions/compile-resources.ts';
import { assertDownMappings } from '../../lib/definitions/try-down-mappings.ts';

const root = new URL('../../integrations/', import.meta.url);
const resources = compileResources(root);

describe('every canonical resource', () => {
  // Strict, and checked against the dialect's own schema: what other people's tools read.
  const ajv = new Ajv2020({ strict: true, formats: resourceFormats, keywords: ['version'] });

  test.each([...resources])('%s is a JSON Schema', (_, schema) => {
    expect(() => ajv.compile({ ...schema })).not.toThrow();
  });

  test('can be had in every older major version of it that is served', async () => {
    await expect(assertDownMappings(root)).resolves.toBeUndefined();
  });
});
