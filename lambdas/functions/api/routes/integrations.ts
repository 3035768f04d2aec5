import { z } from 'zod';
import { configureIntegration } from '../../../flows/configure-integration.ts';
import { ProblemError } from '../../answer-problems.ts';
import { type ApiRoute, readBody, secretValues } from '../api-call.ts';
import type { ApiPorts } from '../api-ports.ts';

const settingsBody = z.strictObject({
  secrets: secretValues,
  client: z
    .record(z.string(), z.unknown())
    .default({})
    .refine((client) => Object.keys(client).length === 0, 'this integration takes no OAuth client'),
});

/** What serves all accounts of an integration. */
export function integrationRoutes(ports: ApiPorts): readonly ApiRoute[] {
  return [
    {
      method: 'PUT',
      path: '/v1/integrations/{integration}/settings',
      async handle(call) {
        const { secrets } = readBody(call, settingsBody);
        if (call.principal.tenant !== null)
          throw new ProblemError({ status: 403, detail: 'Only a key for all tenants may set what serves them all.' });
        const integration = call.params['integration'] ?? '';
        const configuration = await configureIntegration(ports, { integration, secrets });
        switch (configuration.kind) {
          case 'configured':
            return {
              status: 200,
              body: {
                integration,
                secret_names: Object.keys(secrets),
                webhook_url: `${ports.publicUrl}/in/${integration}`,
              },
            };
          case 'unknown-integration':
            throw new ProblemError({ status: 404, detail: `There is no integration "${integration}".` });
          case 'not-shared':
            throw new ProblemError({
              status: 422,
              detail: `The integration "${integration}" has no routing: its requests come by the URL of an account.`,
            });
          case 'undeclared-secrets':
            throw new ProblemError({
              status: 422,
              detail: `The integration declares no secret ${configuration.got.join(', ')}; it declares ${configuration.declared.join(', ')}.`,
            });
        }
      },
    },
  ];
}
