import { combinedDescription, combinedType, eventTypes } from '../event/canonical-event.ts';
import { operationalTypes } from '../event/operational-types.ts';
import type { ResourceSchema } from '../mapping/check-resource.ts';
import { event, eventExample } from './event-schema.ts';
import { schemaOf } from './schema-of.ts';

type Json = Record<string, unknown>;

/**
 * Callbacks as an AsyncAPI document: one message for each resource, whose `data` follows its schema, and one for each
 * operational event.
 *
 * @param resources - Schemas by resource name.
 * @see https://www.asyncapi.com/docs/reference/specification/v3.1.0
 */
export function asyncApiDocument(resources: ReadonlyMap<string, ResourceSchema>): Json {
  const schemas: Json = {};
  schemaOf(event, 'output', schemas);
  const messages: Record<string, Json> = {};
  for (const [resource, schema] of resources) {
    schemas[nameOf(resource)] = plainSchema(schema);
    messages[nameOf(resource)] = message(
      schema.title,
      `A record of \`${resource}\` (${schema.version}): ${schema.description}`,
      eventTypes,
      { resource: { const: resource }, data: { $ref: `#/components/schemas/${nameOf(resource)}` } },
    );
  }
  messages[nameOf(combinedType)] = message(combinedType, combinedDescription, [combinedType], {});
  for (const [type, description] of Object.entries(operationalTypes))
    messages[nameOf(type)] = message(type, description, [type], {});
  return {
    asyncapi: '3.1.0',
    info: {
      title: 'Tributary callbacks',
      version: '1.0.0',
      description:
        'Every callback is a POST of an event to the URL of a subscription, signed as Standard Webhooks specifies. Each event arrives at least once, always with the same `webhook-id`. Answer with a 2xx status within the timeout of the subscription.',
      license: { name: 'MIT', url: 'https://opensource.org/license/mit' },
    },
    defaultContentType: 'application/json',
    servers: {
      subscriber: {
        host: '{host}',
        protocol: 'https',
        description: 'The endpoint of a subscription.',
        variables: { host: { default: 'app.example.com', description: "The host of the subscription's URL." } },
      },
    },
    channels: {
      callbacks: {
        address: '{path}',
        title: 'Callbacks',
        description: 'The URL of a subscription.',
        parameters: { path: { default: '/hooks', description: "The path of the subscription's URL." } },
        messages: Object.fromEntries(
          Object.keys(messages).map((name) => [name, { $ref: `#/components/messages/${name}` }]),
        ),
      },
    },
    operations: {
      sendCallback: {
        action: 'send',
        title: 'Send a callback',
        summary: 'One event for one subscription.',
        channel: { $ref: '#/channels/callbacks' },
        messages: Object.keys(messages).map((name) => ({ $ref: `#/channels/callbacks/messages/${name}` })),
        bindings: { http: { method: 'POST', bindingVersion: '0.3.0' } },
      },
    },
    components: { messages, schemas },
  };
}

/** A resource's schema without the members that JSON Schema does not know. */
function plainSchema(schema: ResourceSchema & { readonly $schema?: string }): Json {
  const { $schema: _, $id: __, version: ___, state: ____, volatile: _____, ...data } = schema;
  return data;
}

/** `hris/employees` -> `HrisEmployees`; `subscription.disabled` -> `SubscriptionDisabled`. */
function nameOf(text: string): string {
  return text
    .split(/[^a-z]+/)
    .map((word) => `${word.slice(0, 1).toUpperCase()}${word.slice(1)}`)
    .join('');
}

function message(title: string, summary: string, types: readonly string[], properties: Json): Json {
  return {
    name: title,
    title,
    summary,
    contentType: 'application/json',
    headers: {
      type: 'object',
      required: ['webhook-id', 'webhook-timestamp', 'webhook-signature'],
      properties: {
        'webhook-id': { type: 'string', description: 'The id of the event, the same on every attempt.' },
        'webhook-timestamp': { type: 'string', description: 'Time of this attempt, in seconds since 1970.' },
        'webhook-signature': {
          type: 'string',
          description:
            '`v1,<base64>` for each current secret, `v1a,<base64>` for each signing key; separated by spaces.',
        },
        traceparent: {
          type: 'string',
          description:
            'The attempt in the trace of the event, as W3C Trace Context has it. The trace id is the `correlation_id` of the event; a batch of events of several traces has a trace of its own.',
        },
        'tributary-replay': { type: 'string', description: '`true` if a replay sends the event.' },
      },
    },
    payload: {
      allOf: [
        { $ref: '#/components/schemas/Event' },
        { type: 'object', properties: { type: { enum: [...types] }, ...properties } },
      ],
    },
    ...(types === eventTypes
      ? {}
      : {
          examples: [
            {
              name: 'example',
              payload: { ...eventExample, type: types[0], origin: 'operation', integration: 'tributary' },
            },
          ],
        }),
  };
}
