import { z } from 'zod';
import { scopes } from '../access/scopes.ts';
import { bodySchema, maxBodyBytesOf, type OperationShape } from './operation.ts';

type Json = Record<string, unknown>;

/** Tags in the order of a reader who begins. */
const tags: Readonly<Record<string, string>> = {
  Accounts: 'Connections of a tenant to an integration.',
  Subscriptions: 'Callback endpoints.',
  Deliveries: 'What became of an event at a subscription.',
  Replays: 'A subscription’s past, sent again.',
  Events: 'The pull feed.',
  Consumers: 'Positions in the feed that the engine keeps.',
  Catalogue: 'What there is: integrations, event types, schemas.',
  Access: 'API keys and tokens.',
  Audit: 'Who did what.',
  Tenants: 'Retention, erasure, export.',
  Statistics: 'How subscriptions and integrations fare.',
  System: 'The API itself.',
};

/** What is refused of every operation of a kind, by status. */
const usual = {
  400: 'The request cannot be read, or its query is not what the route takes.',
  401: 'No key or token, or one that is not valid.',
  403: 'The key lacks the scope.',
  404: 'There is no such thing, or it is another tenant’s.',
  409: 'The Idempotency-Key was used for another request, or one with it is being carried out.',
  413: 'The body is too large: 1 MiB is the most, unless the operation says otherwise.',
  422: 'The body is not what the route takes: `errors` names every fault.',
  429: 'Too many calls: Retry-After says when to try again.',
  500: 'The request could not be processed.',
  503: 'It could not be processed just now: Retry-After says when to try again.',
} as const;

/**
 * The API as an OpenAPI document, from the operations that validate its requests.
 *
 * @param shapes - By `operationId`.
 * @param origin - Of the HTTP API, without a trailing slash.
 * @see https://spec.openapis.org/oas/v3.1.1
 */
export function openApiDocument(shapes: Readonly<Record<string, OperationShape>>, origin: string): Json {
  const components: Json = {};
  const paths: Record<string, Json> = {};
  for (const [id, shape] of Object.entries(shapes)) {
    const item = (paths[shape.path] ??= {});
    item[shape.method.toLowerCase()] = describe(id, shape, components);
  }
  return {
    openapi: '3.1.1',
    info: {
      title: 'Tributary',
      version: '1.0.0',
      summary: 'Every third-party API as one stream of normalized, signed record events.',
      description:
        'Errors are RFC 9457 problem details; lists are pages with `next_cursor`, which is opaque, signed, and good for the same list with the same parameters (those of the feed, whatever the filters). Every POST honours `Idempotency-Key`; every GET answers with an `ETag` and honours `If-None-Match`.',
      license: { name: 'MIT', identifier: 'MIT' },
    },
    servers: [{ url: origin }],
    tags: Object.entries(tags)
      .filter(([name]) => Object.values(shapes).some(({ tag }) => tag === name))
      .map(([name, description]) => ({ name, description })),
    paths,
    components: {
      schemas: { Problem: problem, ...components },
      headers,
      securitySchemes: {
        key: {
          type: 'http',
          scheme: 'bearer',
          description: `An API key (\`tk_<id>_<secret>\`), or a token of POST /v1/token. Scopes:\n\n${Object.entries(
            scopes,
          )
            .map(([scope, text]) => `- \`${scope}\`: ${text}`)
            .join('\n')}`,
        },
        client: { type: 'http', scheme: 'basic', description: 'Id and secret of an API key; or both in the body.' },
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
    detail: { type: 'string', description: 'What is wrong with this request, and what would be right.' },
    reason: { type: 'string', description: 'For programs.' },
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

const text = (description: string, example: string) => ({ description, schema: { type: 'string' }, example });
const headers = {
  RateLimit: text('What is left to the key, and to its tenant.', '"key";r=2999;t=1'),
  'RateLimit-Policy': text('What the key, and its tenant, may do.', '"key";q=3000;w=60'),
  'Retry-After': { description: 'Seconds to wait.', schema: { type: 'integer' }, example: 1 },
  ETag: text('Names what was answered: `If-None-Match` asks whether it still holds.', '"2jmj7l5rSw0yVb_vlWAYkK_YBwk"'),
  'Idempotent-Replayed': text('`true` where this is the answer to an earlier try.', 'true'),
};

const headerRef = (name: keyof typeof headers) => ({ $ref: `#/components/headers/${name}` });

function describe(id: string, shape: OperationShape, components: Json): Json {
  const { summary, description, tag, access, example } = shape;
  const isPublic = access === 'public';
  const limited = isPublic
    ? {}
    : { RateLimit: headerRef('RateLimit'), 'RateLimit-Policy': headerRef('RateLimit-Policy') };
  const needs =
    access === 'any-key' || access === 'credentials' || isPublic
      ? { public: 'Needs no key.', 'any-key': 'Takes any key.', credentials: 'Takes the id and secret of a key.' }[
          access
        ]
      : `Needs the scope \`${access}\`.`;
  const reach = shape.isForAllTenants === true ? ' Only for keys of all tenants.' : '';
  const statuses = Object.entries(shape.answers);
  return {
    operationId: id,
    tags: [tag],
    summary,
    description: [description, `${needs}${reach}`].filter((part) => part !== undefined).join('\n\n'),
    security: isPublic ? [] : access === 'credentials' ? [{ client: [] }, { key: [] }, {}] : [{ key: [] }],
    ...(access === 'any-key' || access === 'credentials' || isPublic ? {} : { 'x-scope': access }),
    parameters: parametersOf(shape, components),
    ...(shape.body === undefined ? {} : { requestBody: requestBody(shape, components) }),
    responses: {
      ...Object.fromEntries(
        statuses.map(([status, answer], index) => [
          status,
          {
            description: answer.description,
            headers: {
              ...limited,
              ...(shape.method === 'GET' ? { ETag: headerRef('ETag') } : {}),
              ...(shape.method === 'POST' && !isPublic
                ? { 'Idempotent-Replayed': headerRef('Idempotent-Replayed') }
                : {}),
              ...Object.fromEntries(
                Object.entries(answer.headers ?? {}).map(([name, says]) => [
                  name,
                  { description: says, schema: { type: 'string' } },
                ]),
              ),
            },
            ...(answer.body === undefined
              ? {}
              : {
                  content: {
                    'application/json': {
                      schema: schemaOf(answer.body, 'output', components),
                      ...(index === 0 && example.answer !== undefined ? { example: example.answer } : {}),
                    },
                  },
                }),
          },
        ]),
      ),
      ...(shape.method === 'GET' ? { 304: { description: 'As `If-None-Match` has it.', headers: limited } } : {}),
      ...problemsOf(shape, limited),
      ...gatewayRefusals(shape),
    },
  };
}

/** Every refusal that an operation of this kind may give, by status. */
export function problemStatuses(shape: OperationShape): Readonly<Record<number, string>> {
  const { method, access, query, body, path } = shape;
  const isPublic = access === 'public';
  const may: Record<number, boolean> = {
    400: query !== undefined || body !== undefined || (method === 'POST' && !isPublic),
    401: !isPublic,
    403: !isPublic && access !== 'any-key' && access !== 'credentials',
    404: path.includes('{') || namesTenant(query),
    409: method === 'POST' && !isPublic,
    413: maxBodyBytesOf(shape) !== undefined,
    // OAuth has 400 for whatever is wrong with a request for a token.
    422: body !== undefined && access !== 'credentials',
    429: !isPublic,
    500: true,
    503: true,
  };
  const own = shape.problems ?? {};
  const statuses = [...new Set([...Object.keys(own), ...Object.keys(usual)])]
    .map(Number)
    .filter((status) => own[status] !== undefined || may[status] === true);
  return Object.fromEntries(
    statuses.map((status) => [
      status,
      [own[status], may[status] === true ? usual[status as keyof typeof usual] : undefined]
        .filter((part) => part !== undefined)
        .join(' '),
    ]),
  );
}

/**
 * What API Gateway refuses before the engine sees it, with a body of its own: request line and headers may have 10,240
 * bytes together.
 *
 * @see https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html
 */
function gatewayRefusals({ path, query }: OperationShape): Json {
  return {
    ...(path.includes('{') || query !== undefined ? { 414: { description: 'The URL is too long.' } } : {}),
    431: { description: 'URL and headers are larger than 10,240 bytes together.' },
  };
}

/** Whether a list may be asked for of a tenant, which may be another's. */
function namesTenant(query: z.ZodType | undefined): boolean {
  return query instanceof z.ZodObject && 'tenant' in query.shape;
}

function problemsOf(shape: OperationShape, limited: Json): Json {
  return Object.fromEntries(
    Object.entries(problemStatuses(shape)).map(([status, description]) => [
      status,
      {
        description,
        headers:
          status === '429' || status === '503' ? { ...limited, 'Retry-After': headerRef('Retry-After') } : limited,
        content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
      },
    ]),
  );
}

function parametersOf(shape: OperationShape, components: Json): Json[] {
  const { path, example, method, access, query } = shape;
  const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => ({
    name,
    in: 'path',
    required: true,
    schema: { type: 'string', minLength: 1, maxLength: 256 },
    example: example.params?.[name],
  }));
  const schema = query === undefined ? {} : schemaOf(query, 'input', components);
  const properties = (schema['properties'] ?? {}) as Record<string, Json>;
  const required = (schema['required'] ?? []) as string[];
  const inQuery = Object.entries(properties).map(([name, { description, ...property }]) => ({
    name,
    in: 'query',
    required: required.includes(name),
    ...(description === undefined ? {} : { description }),
    // A URL carries an object as `name[member]=value`.
    ...(property['type'] === 'object' ? { style: 'deepObject', explode: true } : {}),
    schema: property,
    ...(example.query?.[name] === undefined ? {} : { example: typed(property, example.query[name]) }),
  }));
  const idempotency =
    method === 'POST' && access !== 'public'
      ? [
          {
            name: 'Idempotency-Key',
            in: 'header',
            required: false,
            description: 'Names the request, so that it may be sent again: for a day it is answered the same.',
            schema: { type: 'string', minLength: 1, maxLength: 255, pattern: '^[\\x21-\\x7e]+$' },
          },
        ]
      : [];
  const conditional =
    method === 'GET'
      ? [
          {
            name: 'If-None-Match',
            in: 'header',
            required: false,
            description: 'The `ETag` of an answer that you have.',
            schema: { type: 'string' },
          },
        ]
      : [];
  return [...inPath, ...inQuery, ...idempotency, ...conditional];
}

/** A query carries texts; its document speaks of numbers. */
function typed({ type }: Json, value: string): string | number {
  return type === 'integer' || type === 'number' ? Number(value) : value;
}

function requestBody({ body, hasOptionalBody, access, example }: OperationShape, components: Json): Json {
  const schema = body === undefined ? {} : schemaOf(bodySchema(body, 0), 'input', components);
  const media = { schema, ...(example.body === undefined ? {} : { example: example.body }) };
  return {
    required: hasOptionalBody !== true,
    content: {
      'application/json': media,
      ...(access === 'credentials' ? { 'application/x-www-form-urlencoded': media } : {}),
    },
  };
}

/**
 * A schema as JSON Schema; those with an id go to the components and are referred to.
 *
 * What only a function checks (that JSONata compiles, that a certificate is valid) is not in it: a body that fits
 * the document may still be a 422.
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
      // The format says it; the pattern of leap years says it again, in 300 characters.
      if (jsonSchema.format !== undefined) delete jsonSchema.pattern;
      // What an answer has beside this is no mistake: members may be added.
      if (io === 'output' && jsonSchema.additionalProperties === false) delete jsonSchema.additionalProperties;
      if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum;
      if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum;
    },
  }) as Json & { readonly $defs?: Json };
  for (const [name, definition] of Object.entries($defs))
    components[name] = componentRefs(withoutId(definition as Json));
  return componentRefs(hoisted(own, components));
}

/** A schema that itself has an id becomes a component, too. */
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
