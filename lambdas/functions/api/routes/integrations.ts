import { z } from 'zod';
import { ownSecretNames, webhookUrl } from '../../../flows/account-secrets.ts';
import { configureIntegration } from '../../../flows/configure-integration.ts';
import { reprocessRequests } from '../../../flows/reprocess-requests.ts';
import { ProblemError } from '../../answer-problems.ts';
import { type ApiRoute, readBody, readQuery, secretValues } from '../api-call.ts';
import type { ApiPorts } from '../api-ports.ts';
import { captureRequest, captureView, secretsProblem } from './accounts.ts';

const settingsBody = z.strictObject({
  secrets: secretValues,
  capture: captureRequest.optional(),
  client: z
    .record(z.string(), z.unknown())
    .default({})
    .refine((client) => Object.keys(client).length === 0, 'this integration takes no OAuth client'),
});

/** One instant for all calls that empty the queue: what fails meanwhile is not tried again by the next. */
const reprocessQuery = z.strictObject({ before: z.iso.datetime({ offset: true }).optional() });

/** What serves all accounts of an integration. */
export function integrationRoutes(ports: ApiPorts): readonly ApiRoute[] {
  return [
    {
      method: 'PUT',
      path: '/v1/integrations/{integration}/settings',
      async handle(call) {
        const { secrets, capture } = readBody(call, settingsBody);
        if (call.principal.tenant !== null)
          throw new ProblemError({ status: 403, detail: 'Only a key for all tenants may set what serves them all.' });
        const integration = call.params['integration'] ?? '';
        const configuration = await configureIntegration(ports, { integration, secrets, capture });
        switch (configuration.kind) {
          case 'configured':
            return {
              status: 200,
              body: {
                integration,
                secret_names: ownSecretNames(configuration.settings.secrets),
                webhook_url: webhookUrl(
                  await ports.integrations.get(integration),
                  `${ports.publicUrl}/in/${integration}`,
                  configuration.settings.secrets,
                ),
                ...captureView(configuration.settings.capture),
              },
            };
          case 'unknown-integration':
            throw new ProblemError({ status: 404, detail: `There is no integration "${integration}".` });
          case 'not-shared':
            throw new ProblemError({
              status: 422,
              detail: `The integration "${integration}" has no routing: its requests come by the URL of an account.`,
            });
          default:
            throw secretsProblem(configuration);
        }
      },
    },
    {
      method: 'POST',
      path: '/v1/integrations/{integration}/reprocess',
      async handle(call) {
        if (call.principal.tenant !== null)
          throw new ProblemError({
            status: 403,
            detail: 'Only a key for all tenants may reprocess requests of them all.',
          });
        const integration = call.params['integration'] ?? '';
        if ((await ports.integrations.get(integration)) === undefined)
          throw new ProblemError({ status: 404, detail: `There is no integration "${integration}".` });
        const { before = new Date(ports.clock.nowMs()).toISOString() } = readQuery(call, reprocessQuery);
        const reprocessing = await reprocessRequests(ports, integration, Date.parse(before));
        return { status: 200, body: { ...reprocessing, before } };
      },
    },
  ];
}
