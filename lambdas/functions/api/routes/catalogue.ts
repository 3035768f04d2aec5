import type { catalogueOperations } from '../../../engine/api/operations/catalogue-operations.ts';
import { ownSecretNames, webhookUrl } from '../../../flows/accounts/account-secrets.ts';
import { configureCanary } from '../../../flows/accounts/configure-canary.ts';
import { configureIntegration } from '../../../flows/accounts/configure-integration.ts';
import { redirectUriOf } from '../../../flows/accounts/connect-account.ts';
import { describeCanary } from '../../../flows/accounts/describe-canary.ts';
import { describeIntegration, eventTypeCatalogue } from '../../../flows/accounts/describe-catalogue.ts';
import { listServedMajors } from '../../../flows/feed/list-served-majors.ts';
import { reprocessArchive } from '../../../flows/normalize/reprocess-archive.ts';
import { reprocessRequests } from '../../../flows/normalize/reprocess-requests.ts';
import { openClient, storeClient } from '../../../flows/provider/sealed-credentials.ts';
import type { CanarySettings, IntegrationSettings } from '../../../ports/accounts/integration-settings-store.ts';
import { ProblemError } from '../../invocation/answer-problems.ts';
import type { ApiPorts } from '../api-ports.ts';
import { type ApiAnswer, type ApiCall, bodyProblem, type Handlers } from '../pipeline/api-call.ts';
import type { Cursors } from '../pipeline/cursors.ts';
import { notFound } from '../pipeline/principal.ts';
import { describedCanaryView } from '../views/canary-view.ts';
import { captureView, secretsProblem, withoutQuery } from './accounts.ts';

/** One page of a complete list that is sorted by name. */
async function pageBy<Item>(
  items: readonly Item[],
  nameOf: (item: Item) => string,
  { query: { limit }, cursors }: { readonly query: { readonly limit: number }; readonly cursors: Cursors },
) {
  const after = (await cursors.after()) ?? '';
  const left = items.filter((item) => nameOf(item) > after);
  const page = left.slice(0, limit);
  const last = left.length > limit ? page.at(-1) : undefined;
  return { page, next_cursor: await cursors.next(last === undefined ? undefined : nameOf(last)) };
}

/** The settings that all accounts of an integration share. */
async function settingsView(ports: ApiPorts, integration: string, settings: IntegrationSettings) {
  return {
    integration,
    secret_names: [...ownSecretNames(settings.secrets)],
    webhook_url: webhookUrl(
      await ports.integrations.get(integration),
      `${ports.ingressUrl}/in/${integration}`,
      settings.secrets,
    ),
    client_id: (await openClient(ports.provider, integration))?.clientId ?? null,
    redirect_uri:
      (await ports.integrations.get(integration))?.api?.credentials.oauth2 === undefined
        ? null
        : redirectUriOf(ports, integration),
    ...captureView(settings.capture),
    allowed_ranges: settings.allowedRanges ?? [],
    ...(settings.sharedContexts === true ? { shared_contexts: true as const } : {}),
    ...(settings.canary === undefined ? {} : { canary: await canaryView(ports, integration, settings.canary) }),
  };
}

/** Naming a trial without a candidate is harmless: the accounts wait for one, and the answer says so. */
async function canaryView(ports: ApiPorts, integration: string, { accounts, mode }: CanarySettings) {
  return { accounts: [...accounts], mode, deployed: (await ports.candidates.get(integration)) !== undefined };
}

/** @throws {ProblemError} 404 for an unknown integration, 422 for an account that is not one of it. */
async function setCanary(
  ports: ApiPorts,
  integration: string,
  canary: CanarySettings | null,
): Promise<IntegrationSettings> {
  const configuration = await configureCanary(ports, integration, canary);
  switch (configuration.kind) {
    case 'configured':
      return configuration.settings;
    case 'unknown-integration':
      throw new ProblemError({ status: 404, detail: `There is no integration "${integration}".` });
    case 'unknown-account':
      throw bodyProblem(
        `canary.accounts.${configuration.index}`,
        `got "${configuration.id}", expected an account of the integration "${integration}"`,
      );
  }
}

/** Store the vendor's OAuth client, sealed. @throws {ProblemError} where the integration has no consent. */
async function setClient(
  ports: ApiPorts,
  integration: string,
  { client_id: clientId, client_secret: clientSecret }: { readonly client_id: string; readonly client_secret: string },
): Promise<void> {
  const definition = await ports.integrations.get(integration);
  if (definition === undefined)
    throw new ProblemError({ status: 404, detail: `There is no integration "${integration}".` });
  if (definition.api?.credentials.oauth2 === undefined)
    throw bodyProblem('client', `the integration "${integration}" takes no OAuth client`);
  await storeClient(ports.provider, integration, { clientId, clientSecret }, ports.clock.nowMs());
}

async function answerSettings(
  ports: ApiPorts,
  integration: string,
  settings: IntegrationSettings | undefined,
): Promise<ApiAnswer<'configureIntegration'>> {
  const view = await settingsView(ports, integration, settings ?? { integration, secrets: {}, revision: 0 });
  return {
    status: 200,
    body: view,
    change: {
      object: `integrations/${integration}/settings`,
      tenant: null,
      before: null,
      after: withoutQuery(view),
    },
  };
}

async function handleConfigureIntegration(
  ports: ApiPorts,
  { params, body }: ApiCall<'configureIntegration'>,
): Promise<ApiAnswer<'configureIntegration'>> {
  const integration = params['integration'] ?? '';
  const { secrets, capture, shared_contexts: sharedContexts, client, canary, allowed_ranges: allowedRanges } = body;
  if (client !== undefined) await setClient(ports, integration, client);
  if (canary !== undefined) await setCanary(ports, integration, canary);
  const isBeside = client !== undefined || canary !== undefined;
  const given = [secrets, capture, sharedContexts, allowedRanges].filter((value) => value !== undefined);
  if (isBeside && given.length === 0)
    return answerSettings(ports, integration, await ports.settings.get(integration, 0));
  const configuration = await configureIntegration(ports, {
    integration,
    secrets,
    capture,
    sharedContexts,
    allowedRanges: allowedRanges === null ? [] : allowedRanges,
    isBeside,
  });
  switch (configuration.kind) {
    case 'configured':
      return answerSettings(ports, integration, configuration.settings);
    case 'unknown-integration':
      throw new ProblemError({ status: 404, detail: `There is no integration "${integration}".` });
    case 'not-shared':
      throw new ProblemError({
        status: 422,
        detail: `The integration "${integration}" has no routing: its requests arrive at the URL of an account.`,
      });
    case 'secrets-of-accounts':
      throw new ProblemError({
        status: 422,
        detail: `The secrets of "${integration}" belong to its accounts: set them on each account. Requests to ${ports.ingressUrl}/in/${integration} are verified with the secrets of the account that they name.`,
      });
    default:
      throw secretsProblem(configuration);
  }
}

async function handleReprocessIntegration(
  ports: ApiPorts,
  { params, query, cursors }: ApiCall<'reprocessIntegration'>,
): Promise<ApiAnswer<'reprocessIntegration'>> {
  const integration = params['integration'] ?? '';
  if ((await ports.integrations.get(integration)) === undefined)
    throw new ProblemError({ status: 404, detail: `There is no integration "${integration}".` });
  const { since, until, account } = query;
  if (since !== undefined && until !== undefined) {
    const isDryRun = query.dry_run !== 'false';
    const after = await cursors.after();
    const window = { integration, account, sinceMs: since, untilMs: until, isDryRun, after };
    const { found, reprocessed, skipped, next } = await reprocessArchive(ports, window);
    const next_cursor = await cursors.next(next);
    return {
      status: 200,
      body: { reprocessed, skipped, more: next !== undefined, dry_run: isDryRun, found, next_cursor },
    };
  }
  const { before = new Date(ports.clock.nowMs()).toISOString() } = query;
  const reprocessing = await reprocessRequests(ports, integration, Date.parse(before));
  return { status: 200, body: { ...reprocessing, before } };
}

/** The catalogue of integrations, event types and schemas, and the settings that an integration's accounts share. */
export function catalogueHandlers(ports: ApiPorts): Handlers<keyof typeof catalogueOperations> {
  return {
    async listIntegrations(call) {
      const { page, next_cursor } = await pageBy(await ports.integrations.names(), (name) => name, call);
      const definitions = await Promise.all(page.map((name) => ports.integrations.get(name)));
      const schemas = await ports.resources.all();
      return {
        status: 200,
        body: {
          data: definitions
            .filter((definition) => definition !== undefined)
            .map((definition) => describeIntegration(definition, schemas)),
          next_cursor,
        },
      };
    },
    async getIntegration({ params }) {
      const definition = await ports.integrations.get(params['integration'] ?? '');
      if (definition === undefined) throw notFound('integration');
      return { status: 200, body: describeIntegration(definition, await ports.resources.all()) };
    },
    configureIntegration: async (call) => handleConfigureIntegration(ports, call),
    async getCanary({ params, principal }) {
      const integration = params['integration'] ?? '';
      const canary = await describeCanary(ports, integration, principal.tenant);
      if (canary === undefined) throw notFound('integration');
      return { status: 200, body: { integration, ...describedCanaryView(canary) } };
    },
    reprocessIntegration: async (call) => handleReprocessIntegration(ports, call),
    async listEventTypes(call) {
      const { page, next_cursor } = await pageBy(eventTypeCatalogue, ({ type }) => type, call);
      return { status: 200, body: { data: page, next_cursor } };
    },
    async listSchemas(call) {
      const { page, next_cursor } = await pageBy([...(await ports.resources.all())], ([resource]) => resource, call);
      const data = await Promise.all(
        page.map(async ([resource, { version, title }]) => {
          const served = (await listServedMajors(ports, resource)) ?? [];
          const deprecated = served.flatMap(({ major, deprecation }) =>
            deprecation === undefined
              ? []
              : [
                  {
                    major,
                    deprecated_at: deprecation.deprecatedAt,
                    sunset_at: deprecation.sunsetAt,
                    link: deprecation.link ?? null,
                  },
                ],
          );
          return { resource, version, title, majors: served.map(({ major }) => major), deprecated };
        }),
      );
      return { status: 200, body: { data, next_cursor } };
    },
    async getSchema({ params, query }) {
      const majors = await listServedMajors(ports, `${params['model']}/${params['plural']}`);
      const served = majors?.find(({ major }) => query.major === undefined || major === query.major);
      if (served === undefined) throw notFound('schema');
      return { status: 200, body: { ...served.schema } };
    },
  };
}
