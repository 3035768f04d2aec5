import { asyncApiDocument } from '../../../engine/api/async-api.ts';
import { openApiDocument } from '../../../engine/api/open-api.ts';
import type { systemOperations } from '../../../engine/api/operations/system-operations.ts';
import { operations } from '../../../engine/api/operations.ts';
import type { ApiPorts } from '../api-ports.ts';
import type { Handlers } from '../pipeline/api-call.ts';

/** Health and documents of the API. The first call for a document creates it. */
export function systemHandlers({ publicUrl, resources }: ApiPorts): Handlers<keyof typeof systemOperations> {
  let openApi: object | undefined;
  let asyncApi: object | undefined;
  return {
    getHealth: async () => ({ status: 200, body: { status: 'ok' } }),
    async getOpenApi() {
      openApi ??= openApiDocument(operations, publicUrl);
      return { status: 200, body: { ...openApi } };
    },
    async getAsyncApi() {
      asyncApi ??= asyncApiDocument(await resources.all());
      return { status: 200, body: { ...asyncApi } };
    },
  };
}
