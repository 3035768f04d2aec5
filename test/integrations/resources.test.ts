import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, test } from 'vitest';
import { resourceFormats } from '../../lambdas/engine/mapping/check-resource.ts';
import { compileResources } from '../../lib/definitions/compile-resources.ts';
import { assertDownMappings } from '../../lib/definitions/try-down-mappings.ts';

const root = new URL('../../integrations/', import.meta.url);
const resources = compileResources(root);

describe('every canonical resource', () => {
  // Strict mode also checks the schema against its dialect, so that other tools can read it.
  const ajv = new Ajv2020({ strict: true, formats: resourceFormats, keywords: ['version', 'state', 'volatile'] });

  test.each([...resources])('%s is a JSON Schema', (_, schema) => {
    expect(() => ajv.compile({ ...schema })).not.toThrow();
  });

  test('can be mapped down to every older major version that is served', async () => {
    await expect(assertDownMappings(root)).resolves.toBeUndefined();
  });
});
