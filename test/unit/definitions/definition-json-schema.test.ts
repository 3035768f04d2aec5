import { expect, test } from 'vitest';
import { definitionJsonSchema, definitionReference } from '../../../lib/definitions/definition-json-schema.ts';

const home = '../../../integrations';

test('the published JSON Schema is that of the validating schema (`vitest -u` rewrites it)', async () => {
  await expect(`${JSON.stringify(definitionJsonSchema(), undefined, 2)}\n`).toMatchFileSnapshot(
    `${home}/definition.schema.json`,
  );
});

test('the reference names every key of the language (`vitest -u` rewrites it)', async () => {
  await expect(definitionReference()).toMatchFileSnapshot(`${home}/REFERENCE.md`);
});
