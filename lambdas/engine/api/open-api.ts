import { scopes } from '../access/scopes.ts';
import { answerHeaders } from './answer-headers.ts';
import { describeOperation } from './describe-operation.ts';
import type { OperationShape } from './operation.ts';

type Json = Record<string, unknown>;

/** Tags, in the order in which a new reader needs them. */
const tags: Readonly<Record<string, string>> = {
  Accounts: 'Connections of a tenant to an integration.',
  Syncs: 'Scheduled polls of the provider of an account.',
  Subscriptions: 'Callback endpoints and their settings.',
  Deliveries: 'Events on their way to a subscription, with their attempts.',
  Replays: 'Past events, sent to a subscription again.',
  Events: 'The pull feed: events in sequence order.',
  Consumers: 'Named readers of the feed, with positions that the engine stores.',
  Catalogue: 'Available integrations, event types and schemas.',
  Access: 'API keys and access tokens.',
  Audit: 'A log of the changes that callers made.',
  Tenants: 'Retention, erasure and export of the data of a tenant.',
  Statistics: 'Success rates, latencies and outcomes of subscriptions and integrations.',
  System: 'Health and documents of the API itself.',
};

/**
 * The API as an OpenAPI document. It comes from the same operations that validate requests.
 *
 * @param shapes - Operations by `operationId`.
 * @param origin - Origin of the HTTP API, without a trailing slash.
 * @see https://spec.openapis.org/oas/v3.1.1
 */
export function openApiDocument(shapes: Readonly<Record<string, OperationShape>>, origin: string): Json {
  const components: Json = {};
  const paths: Record<string, Json> = {};
  for (const [id, shape] of Object.entries(shapes)) {
    const item = (paths[shape.path] ??= {});
    item[shape.method.toLowerCase()] = describeOperation(id, shape, components);
  }
  return {
    openapi: '3.1.1',
    info: {
      title: 'Tributary',
      version: '1.0.0',
      summary: 'Every third-party API as one stream of normalized, signed record events.',
      description:
        'Errors are RFC 9457 problem details. Lists are pages with a `next_cursor`, which is opaque and signed. A cursor is valid only for the same list with the same parameters; a cursor of the feed is valid with any filters. Every POST honours `Idempotency-Key`. Every GET returns an `ETag` and honours `If-None-Match`.',
      license: { name: 'MIT', identifier: 'MIT' },
    },
    servers: [{ url: origin }],
    tags: Object.entries(tags)
      .filter(([name]) => Object.values(shapes).some(({ tag }) => tag === name))
      .map(([name, description]) => ({ name, description })),
    paths,
    components: {
      schemas: { Problem: problem, ...components },
      headers: answerHeaders,
      securitySchemes: {
        key: {
          type: 'http',
          scheme: 'bearer',
          description: `An API key (\`tk_<id>_<secret>\`), or an access token from \`POST /v1/token\`. Scopes:\n\n${Object.entries(
            scopes,
          )
            .map(([scope, text]) => `- \`${scope}\`: ${text}`)
            .join('\n')}`,
        },
        client: {
          type: 'http',
          scheme: 'basic',
          description: 'The id and the secret of an API key. Both may be in the body instead.',
        },
      },
    },
  };
}

const problem = {
  type: 'object',
  description: 'Problem details (RFC 9457).',
  required: ['type', 'title', 'status', 'detail'],
  properties: {
    type: { type: 'string' },
    title: { type: 'string' },
    status: { type: 'integer' },
    detail: { type: 'string', description: 'What is wrong with this request, and what was expected.' },
    reason: { type: 'string', description: 'A stable code for programs.' },
    errors: {
      type: 'array',
      items: {
        type: 'object',
        required: ['path', 'message'],
        properties: { path: { type: 'string' }, message: { type: 'string' } },
      },
    },
  },
};
