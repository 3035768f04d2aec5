import { z } from 'zod';
import { operation } from '../operation.ts';

const document = z.looseObject({});

/** Health and documents of the API. */
export const systemOperations = {
  getHealth: operation({
    method: 'GET',
    path: '/healthz',
    tag: 'System',
    summary: 'Check that the API is up',
    access: 'public',
    answers: { 200: { description: 'The API is up.', body: z.object({ status: z.literal('ok') }) } },
    example: { answer: { status: 'ok' } },
  }),
  getOpenApi: operation({
    method: 'GET',
    path: '/v1/openapi.json',
    tag: 'System',
    summary: 'Get this API as an OpenAPI 3.1 document',
    access: 'public',
    answers: { 200: { description: 'The document.', body: document } },
    example: { answer: { openapi: '3.1.1' } },
  }),
  getAsyncApi: operation({
    method: 'GET',
    path: '/v1/asyncapi.json',
    tag: 'System',
    summary: 'Get the callbacks as an AsyncAPI 3 document',
    access: 'public',
    answers: { 200: { description: 'The document.', body: document } },
    example: { answer: { asyncapi: '3.0.0' } },
  }),
} as const;
