import specs from '@asyncapi/specs';
import { createConfig, lintFromString } from '@redocly/openapi-core';
import { Ajv } from 'ajv';
import { describe, expect, test } from 'vitest';
import { asyncApiDocument } from '../../../../lambdas/engine/api/async-api.ts';
import { openApiDocument } from '../../../../lambdas/engine/api/open-api.ts';
import { bodySchema, type OperationShape } from '../../../../lambdas/engine/api/operation.ts';
import { operations } from '../../../../lambdas/engine/api/operations.ts';
import { problemStatuses } from '../../../../lambdas/engine/api/problem-statuses.ts';
import { operationalTypes } from '../../../../lambdas/engine/event/operational-types.ts';
import { compileResources } from '../../../../lib/definitions/compile-resources.ts';

const all: [string, OperationShape][] = Object.entries(operations);
const nowMs = Date.parse('2026-11-27T12:00:00Z');

/** Problems that a linter finds in a document. */
async function lint(name: string, document: object): Promise<string[]> {
  const config = await createConfig({
    extends: ['recommended-strict'],
    rules: {
      // Each deployment has its own origin; example.com is a placeholder in these tests.
      'no-server-example.com': 'off',
      // Public operations declare no 4xx problems except the gateway's.
      'operation-4xx-response': 'off',
      // Signatures authenticate callbacks; AsyncAPI's security schemes describe clients of a server.
      ...(name === 'asyncapi' ? { 'security-defined': 'off' } : {}),
      'no-invalid-media-type-examples': 'error',
      'no-invalid-parameter-examples': 'error',
      'no-invalid-schema-examples': 'error',
      'operation-operationId': 'error',
      'operation-operationId-unique': 'error',
      'operation-summary': 'error',
      'path-parameters-defined': 'error',
      'no-unused-components': 'error',
    },
  });
  const problems = await lintFromString({ source: JSON.stringify(document), absoluteRef: `/${name}.json`, config });
  return problems.map(({ ruleId, message, location }) => `${ruleId}: ${message} (${location[0]?.pointer})`);
}

const isAsyncApi = new Ajv({
  strict: false,
  validateFormats: false,
  allErrors: true,
  meta: false,
  validateSchema: false,
}).compile(specs.schemasWithoutId['3.1.0'] as object);

/** What the official schema of AsyncAPI finds. */
function faultsOf(document: object): readonly string[] {
  return isAsyncApi(document)
    ? []
    : (isAsyncApi.errors ?? []).map(({ instancePath, message = '' }) => `${instancePath}: ${message}`);
}

describe('the OpenAPI document', () => {
  const document = openApiDocument(operations, 'https://api.example.org');

  test('passes the linter', async () => {
    expect(await lint('openapi', document)).toEqual([]);
  });

  test('fails the linter when an example does not match its schema', async () => {
    const spoilt = structuredClone(document) as {
      paths: Record<string, { get: { responses: Record<string, { content: Record<string, { example: unknown }> }> } }>;
    };
    const media = spoilt.paths['/v1/accounts/{id}']?.get.responses['200']?.content['application/json'];
    if (media === undefined) throw new Error('no such example');
    media.example = { id: 1 };
    expect((await lint('openapi', spoilt)).join()).toContain('no-invalid-media-type-examples');
  });

  test('has every operation, with its scope and every problem status', () => {
    const paths = document['paths'] as Record<string, Record<string, Record<string, unknown>>>;
    const found = Object.values(paths).flatMap((item) => Object.values(item).map(({ operationId }) => operationId));
    expect(new Set(found)).toEqual(new Set(Object.keys(operations)));
    for (const [id, shape] of all) {
      const described = paths[shape.path]?.[shape.method.toLowerCase()];
      expect(described?.['x-scope'], id).toBe(
        shape.access.includes(':') || shape.access === 'admin' ? shape.access : undefined,
      );
      expect(Object.keys(described?.['responses'] as object), id).toEqual(
        expect.arrayContaining(Object.keys(problemStatuses(shape))),
      );
    }
  });
});

test('declares what the gateway rejects before the engine sees it: a long URL (414), large headers (431)', () => {
  const paths = openApiDocument(operations, 'https://api.example.org')['paths'] as Record<
    string,
    Record<string, { readonly responses: object }>
  >;
  for (const [id, { path, method, query }] of all) {
    const statuses = Object.keys(paths[path]?.[method.toLowerCase()]?.responses ?? {});
    expect(statuses, id).toContain('431');
    expect(statuses.includes('414'), id).toBe(path.includes('{') || query !== undefined);
  }
});

describe('a route that passes requests and answers on', () => {
  const raw = all.filter(([, { isRaw }]) => isRaw === true);
  const paths = openApiDocument(operations, 'https://api.example.org')['paths'] as Record<
    string,
    Record<string, { readonly responses: Record<string, { readonly content?: object }>; readonly requestBody?: object }>
  >;

  test.each(raw)('declares that %s may answer any status with any content', (_, { path, method }) => {
    const { responses = {}, requestBody } = paths[path]?.[method.toLowerCase()] ?? {};
    expect(responses['default']?.content).toHaveProperty(['*/*']);
    // A provider may answer 404, too, and not with a problem detail.
    for (const status of ['200', '404', '429', '502']) expect(responses[status]?.content).toHaveProperty(['*/*']);
    expect(requestBody !== undefined).toBe(method !== 'GET');
  });
});

test('declares what a path parameter may be, as the routes read it', () => {
  const paths = openApiDocument(operations, 'https://api.example.org')['paths'] as Record<
    string,
    Record<string, { readonly parameters: readonly { readonly name: string; readonly schema: object }[] }>
  >;
  const rule = (path: string, name: string) =>
    paths[path]?.['get']?.parameters.find((parameter) => parameter.name === name)?.schema;
  const state = '/v1/accounts/{id}/states/{model}/{plural}/{record_id}';
  expect(rule(state, 'id')).toEqual({ type: 'string', minLength: 1, maxLength: 256, pattern: '^[\\w.-]+$' });
  expect(rule(state, 'record_id')).toEqual({ type: 'string', minLength: 1, maxLength: 512 });
  expect(rule('/v1/accounts/{id}/proxy/{path}', 'path')).toEqual({ type: 'string', minLength: 1, maxLength: 2048 });
});

test('describes no answer by a tuple, which tools for older schemas cannot read', () => {
  const text = JSON.stringify(openApiDocument(operations, 'https://api.example.org')['components']);
  expect(text).not.toContain('prefixItems');
});

test('declares a metadata filter as an object in the query', () => {
  const paths = openApiDocument(operations, 'https://api.example.org')['paths'] as Record<
    string,
    Record<string, { readonly parameters: readonly Record<string, unknown>[] }>
  >;
  for (const path of ['/v1/accounts', '/v1/subscriptions'])
    expect(paths[path]?.['get']?.parameters.find(({ name }) => name === 'metadata')).toMatchObject({
      in: 'query',
      required: false,
      style: 'deepObject',
      explode: true,
      // A name with a bracket could not be written in a query.
      schema: { type: 'object', propertyNames: { minLength: 1, maxLength: 64, pattern: expect.any(String) } },
    });
});

describe.each(all)('the example of %s', (_, { path, query, body, answers, example }) => {
  test('matches its schemas', () => {
    const named = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
    expect(new Set(Object.keys(example.params ?? {}))).toEqual(new Set(named));
    query?.parse(example.query ?? {});
    if (body !== undefined) bodySchema(body, nowMs).parse(example.body ?? {});
    const [answer] = Object.values(answers);
    // The parsed answer equals the example, so the example has no member that the schema lacks.
    expect(answer?.body?.parse(example.answer)).toEqual(example.answer);
  });
});

describe('the AsyncAPI document', () => {
  const resources = compileResources(new URL('../../../../integrations/', import.meta.url));
  const document = asyncApiDocument(resources);

  test('passes the linter', async () => {
    expect(await lint('asyncapi', document)).toEqual([]);
  });

  test('is valid by the official schema of AsyncAPI 3.1', () => {
    expect(document['asyncapi']).toBe('3.1.0');
    expect(faultsOf(document)).toEqual([]);
  });

  test('fails the official schema when an operation has another action, or a member that is none', () => {
    const { operations: all } = document as { operations: { sendCallback: object } };
    const spoilt = { ...document, operations: { sendCallback: { ...all.sendCallback, action: 'publish' } } };
    expect(faultsOf(spoilt).join()).toContain('/operations/sendCallback');
    expect(faultsOf({ ...document, chanels: {} }).join()).toContain('additional properties');
  });

  test('has no reference to nothing', () => {
    const references = [...JSON.stringify(document).matchAll(/"\$ref":"#\/([^"]+)"/g)].map(([, path]) => path ?? '');
    expect(references.length).toBeGreaterThan(resources.size);
    for (const path of new Set(references)) {
      const found = path
        .split('/')
        .reduce<unknown>((at, name) => (at as Record<string, unknown> | undefined)?.[name], document);
      expect(found, path).toBeDefined();
    }
  });

  test('has a message for every resource, for runs that are one event, and for every operational event', () => {
    const { messages } = document['components'] as { messages: Record<string, object> };
    expect(Object.keys(messages)).toHaveLength(resources.size + 1 + Object.keys(operationalTypes).length);
    expect(messages['HrisTimeOffRequests']).toBeDefined();
  });
});
