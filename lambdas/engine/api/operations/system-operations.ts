import { z } from 'zod';
import { operation } from '../operation.ts';

const document = z.looseObject({});

/** What describes the API, and tells that it is there. */
export const systemOperations = {
  getHealth: operation({
    method: 'GET',
    path: '/healthz',
    tag: 'System',
    summary: 'Whether the API answers',
    access: 'public',
    answers: { 200: { description: 'It does.', body: z.object({ status: z.literal('ok') }) } },
    example: { answer: { status: 'ok' } },
  }),
  getOpenApi: operation({
    method: 'GET',
    path: '/v1/openapi.json',
    tag: 'System',
    summary: 'This API as an OpenAPI 3.1 document',
    access: 'public',
    answers: { 200: { description: 'The document.', body: document } },
    example: { answer: { openapi: '3.1.1' } },
  }),
  getAsyncApi: operation({
    method: 'GET',
    path: '/v1/asyncapi.json',
    tag: 'System',
    summary: 'Callbacks as an AsyncAPI 3 document',
    access: 'public',
    answers: { 200: { description: 'The document.', body: document } },
    example: { answer: { asyncapi: '3.0.0' } },
  }),
} as const;
