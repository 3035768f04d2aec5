import { headerRef } from './answer-headers.ts';
import { type AnswerShape, bodySchema, type OperationShape } from './operation.ts';
import { pathParameterRule } from './path-parameter-rules.ts';
import { problemStatuses } from './problem-statuses.ts';
import { schemaOf } from './schema-of.ts';

type Json = Record<string, unknown>;

/** Content of an operation that passes requests and answers on as they are. */
const anything = { '*/*': { schema: {} } };
const passedOn = "The provider's answer, as it is.";

/**
 * One operation as OpenAPI describes it.
 *
 * @param components - Receives the schemas that the operation refers to.
 */
export function describeOperation(id: string, shape: OperationShape, components: Json): Json {
  const { summary, description, tag, access } = shape;
  const scope = access === 'any-key' || access === 'credentials' || access === 'public' ? undefined : access;
  return {
    operationId: id,
    tags: [tag],
    summary,
    description: [description, accessText(shape)].filter((part) => part !== undefined).join('\n\n'),
    security: access === 'public' ? [] : access === 'credentials' ? [{ client: [] }, { key: [] }, {}] : [{ key: [] }],
    ...(scope === undefined ? {} : { 'x-scope': scope }),
    parameters: parametersOf(shape, components),
    ...requestBodyOf(shape, components),
    responses: responsesOf(shape, components),
  };
}

/** A sentence that says which key the operation needs. */
function accessText({ access, isForAllTenants }: OperationShape): string {
  const needs =
    access === 'any-key' || access === 'credentials' || access === 'public'
      ? {
          public: 'Needs no API key.',
          'any-key': 'Any API key is enough.',
          credentials: 'Needs the id and the secret of an API key.',
        }[access]
      : `Needs the scope \`${access}\`.`;
  return `${needs}${isForAllTenants === true ? ' Only keys for all tenants may call it.' : ''}`;
}

/** Every response: the declared answers, 304, the engine's problems and the gateway's refusals. */
function responsesOf(shape: OperationShape, components: Json): Json {
  const limited =
    shape.access === 'public'
      ? {}
      : { RateLimit: headerRef('RateLimit'), 'RateLimit-Policy': headerRef('RateLimit-Policy') };
  const answers = Object.entries(shape.answers).map(([status, answer], index) => {
    const described = {
      description: answer.description,
      headers: { ...limited, ...answerHeadersOf(shape, answer) },
      ...contentOf(shape, answer, index === 0 ? shape.example.answer : undefined, components),
    };
    return [status, described] as const;
  });
  return {
    ...Object.fromEntries(answers),
    ...(shape.method === 'GET'
      ? { 304: { description: 'The response still has the `ETag` in `If-None-Match`.', headers: limited } }
      : {}),
    ...problemsOf(shape, limited),
    ...gatewayRefusals(shape),
    ...(shape.isRaw === true ? { default: { description: passedOn, headers: limited, content: anything } } : {}),
  };
}

/** Headers of an answer, without those that report the rate limit. */
function answerHeadersOf({ method, access }: OperationShape, answer: AnswerShape): Json {
  const own = Object.entries(answer.headers ?? {}).map(([name, says]) => [
    name,
    { description: says, schema: { type: 'string' } },
  ]);
  return {
    ...(method === 'GET' ? { ETag: headerRef('ETag') } : {}),
    ...(method === 'POST' && access !== 'public' ? { 'Idempotent-Replayed': headerRef('Idempotent-Replayed') } : {}),
    ...Object.fromEntries(own),
  };
}

function contentOf({ isRaw }: OperationShape, { body }: AnswerShape, example: unknown, components: Json): Json {
  if (isRaw === true) return { content: anything };
  if (body === undefined) return {};
  const media = {
    schema: schemaOf(body, 'output', components),
    ...(example === undefined ? {} : { example }),
  };
  return { content: { 'application/json': media } };
}

function problemsOf(shape: OperationShape, limited: Json): Json {
  return Object.fromEntries(
    Object.entries(problemStatuses(shape)).map(([status, description]) => [
      status,
      {
        description,
        headers:
          status === '429' || status === '503' ? { ...limited, 'Retry-After': headerRef('Retry-After') } : limited,
        content: {
          'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } },
          // The provider may answer any status itself.
          ...(shape.isRaw === true ? anything : {}),
        },
      },
    ]),
  );
}

/**
 * Requests that API Gateway rejects before the engine sees them, with a body that is not a problem detail. Request line
 * and headers together may have 10,240 bytes.
 *
 * @see https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html
 */
function gatewayRefusals({ path, query }: OperationShape): Json {
  return {
    ...(path.includes('{') || query !== undefined ? { 414: { description: 'The URL is too long.' } } : {}),
    431: { description: 'The URL and the headers together are larger than 10,240 bytes.' },
  };
}

function parametersOf(shape: OperationShape, components: Json): Json[] {
  const { path, example, method, access, query } = shape;
  const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => ({
    name,
    in: 'path',
    required: true,
    schema: { type: 'string', ...pathParameterRule(shape, name) },
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
    // Query parameters of an object are `name[member]=value`.
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
            description:
              'A unique value for this request. For a day, sending the request again with the same value returns the stored response and changes nothing.',
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
            description: 'The `ETag` of the response that you have.',
            schema: { type: 'string' },
          },
        ]
      : [];
  return [...inPath, ...inQuery, ...idempotency, ...conditional];
}

/** Query values are text; examples of numeric parameters must be numbers. */
function typed({ type }: Json, value: string): string | number {
  return type === 'integer' || type === 'number' ? Number(value) : value;
}

function requestBodyOf(shape: OperationShape, components: Json): Json {
  const { body, hasOptionalBody, access, example, isRaw, method } = shape;
  if (isRaw === true && method !== 'GET')
    return { requestBody: { description: 'Passed on to the provider: any text.', content: anything } };
  if (body === undefined) return {};
  const schema = schemaOf(bodySchema(body, 0), 'input', components);
  const media = { schema, ...(example.body === undefined ? {} : { example: example.body }) };
  return {
    requestBody: {
      required: hasOptionalBody !== true,
      content: {
        'application/json': media,
        ...(access === 'credentials' ? { 'application/x-www-form-urlencoded': media } : {}),
      },
    },
  };
}
