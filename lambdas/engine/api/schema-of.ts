import { z } from 'zod';

type Json = Record<string, unknown>;

/**
 * A zod schema as JSON Schema. Schemas with an id become components, and the result refers to them.
 *
 * Checks by functions (JSONata compiles, a certificate is valid) have no JSON Schema, so a body that fits the document
 * may still get a 422.
 *
 * @param components - Receives the schemas that the result refers to.
 */
export function schemaOf(schema: z.ZodType, io: 'input' | 'output', components: Json): Json {
  const {
    $schema: _,
    $defs = {},
    ...own
  } = z.toJSONSchema(schema, {
    io,
    unrepresentable: 'any',
    override: ({ jsonSchema }) => {
      // The format is enough; the pattern repeats it, leap years included, in 300 characters.
      if (jsonSchema.format !== undefined) delete jsonSchema.pattern;
      // Later versions may add members to an answer.
      if (io === 'output' && jsonSchema.additionalProperties === false) delete jsonSchema.additionalProperties;
      if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum;
      if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum;
    },
  }) as Json & { readonly $defs?: Json };
  for (const [name, definition] of Object.entries($defs))
    components[name] = componentRefs(withoutId(definition as Json));
  return componentRefs(hoisted(own, components));
}

/** Turn a schema with an id into a component. */
function hoisted(own: Json, components: Json): Json {
  const { id } = own;
  if (typeof id !== 'string') return own;
  components[id] = componentRefs(withoutId(own));
  return { $ref: `#/$defs/${id}` };
}

function withoutId(schema: Json): Json {
  return Object.fromEntries(Object.entries(schema).filter(([name]) => name !== 'id'));
}

function componentRefs(value: Json): Json {
  return JSON.parse(JSON.stringify(value).replaceAll('"#/$defs/', '"#/components/schemas/')) as Json;
}
