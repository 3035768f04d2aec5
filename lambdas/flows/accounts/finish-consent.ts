import type { Definition } from '../../engine/definition/schema.ts';
import type { CredentialValues } from '../../engine/provider/credentials/credential-values.ts';
import { renderCallTemplate, toCallTemplate } from '../../engine/provider/request/call-template.ts';
import { textOf } from '../../engine/provider/request/call-transforms.ts';
import type { CallValues } from '../../engine/provider/request/call-values.ts';
import type { Account } from '../../ports/accounts/account-store.ts';
import type { ConnectState } from '../../ports/provider/connect-states.ts';
import type { AskForFetchPorts } from '../enrich/ask-for-fetch.ts';
import { type Caller, toCaller } from '../provider/provider-ports.ts';
import { requestToken } from '../provider/request-token.ts';
import { openClient } from '../provider/sealed-credentials.ts';
import { testCredentials } from '../provider/test-credentials.ts';
import type { EnsureSyncsPorts } from '../sync/ensure-syncs.ts';
import { type ConnectPorts, redirectUriOf } from './connect-account.ts';
import type { AccountPorts } from './create-account.ts';
import { contextFaults } from './read-credentials.ts';
import { storeCredentials } from './store-credentials.ts';
import { updateAccount } from './update-account.ts';

/** How the owner of an account came back from its provider. */
export interface Return {
  readonly integration: string;
  /** Parameters of the query. */
  readonly query: Readonly<Record<string, string>>;
}

export type FinishedConsent =
  | { readonly kind: 'connected'; readonly account: string; readonly returnUrl: string }
  /** The reason is for the owner to read, and holds no secret. */
  | { readonly kind: 'failed'; readonly reason: string; readonly returnUrl: string | undefined };

export type FinishPorts = ConnectPorts & AccountPorts & AskForFetchPorts & EnsureSyncsPorts;

/**
 * Take what a provider says after a consent: exchange the code, find out for whom it is, try the token, and store it.
 * What the redirect says is not signed, so it is claimed only after the provider has answered a call with it.
 */
export async function finishConsent(ports: FinishPorts, { integration, query }: Return): Promise<FinishedConsent> {
  const state = query['state'] === undefined ? undefined : await ports.connectStates.take(query['state']);
  if (state === undefined || state.integration !== integration)
    return failed(
      'The link has been used before, or it has expired. Start again from the application that sent you here.',
    );
  const definition = await ports.integrations.get(integration);
  const account = await ports.accounts.find(state.account);
  const isSame = account?.tenant === state.tenant && account.createdAt === state.incarnation && account.closed !== true;
  if (definition === undefined || account === undefined || !isSame)
    return failed('The account that this was for does not exist any more.', state.returnUrl);
  if (query['error'] !== undefined || query['code'] === undefined)
    return failed(`${definition.title} did not give its consent${wordOf(query['error'])}.`, state.returnUrl);
  return exchange(ports, state, definition, account, query);
}

function failed(reason: string, returnUrl?: string): FinishedConsent {
  return { kind: 'failed', reason, returnUrl };
}

/** The provider's code of an error; anything longer may be anything. */
function wordOf(error: string | undefined): string {
  return error !== undefined && /^[a-z_]{1,40}$/.test(error) ? ` (${error})` : '';
}

async function exchange(
  ports: FinishPorts,
  state: ConnectState,
  definition: Definition,
  account: Account,
  query: Return['query'],
): Promise<FinishedConsent> {
  const { returnUrl } = state;
  const client = await openClient(ports.provider, definition.name);
  const consent: CredentialValues = { kind: 'oauth2', members: {} };
  const outcome = await requestToken(
    ports.provider,
    toCaller(account, definition),
    consent,
    {
      kind: 'code',
      code: query['code'] ?? '',
      redirectUri: redirectUriOf(ports, definition.name),
      verifier: state.verifier,
    },
    client,
  );
  if (outcome.kind !== 'token')
    return failed(`${definition.title} did not give a token: ${outcome.reason}.`, returnUrl);
  const values: CredentialValues = { ...consent, token: outcome.token };
  const captured = capture(toCaller(account, definition), outcome.answer, query);
  const draft: Account = { ...account, context: { ...account.context, ...captured } };
  const found = await discover(ports, definition, draft, values);
  if (found.kind === 'failed') return failed(found.reason, returnUrl);
  const connected: Account = { ...draft, context: { ...draft.context, ...found.context } };
  const [lack] = contextFaults(definition, connected.context);
  if (lack !== undefined) return failed(`The account lacks a value: ${lack.path}, ${lack.message}.`, returnUrl);
  const test = await testCredentials(ports.provider, toCaller(connected, definition), values);
  if (test.kind === 'refused')
    return failed(`${definition.title} refuses the new connection: ${test.reason}.`, returnUrl);
  const update = await updateAccount(ports, account.id, {
    context: connected.context,
    credentialKind: 'oauth2',
    // The consent, and a call with its token, prove whose the captured values are.
    mayClaim:
      state.mayClaim ||
      (test.isProven && isHostGiven(definition, account, captured, found.context) && isChanged(account, connected)),
  });
  if (update.kind === 'claim-needs-operator')
    return failed(
      'This connection does not prove that it is yours. Ask the operator of the application that sent you here.',
      returnUrl,
    );
  if (update.kind !== 'updated')
    return failed('Another account has what you connected, so this one cannot have it, too.', returnUrl);
  const { revision: _, generation: __, ...stored } = test.stored;
  const { fetches, enrichQueue, clock, syncs, pollQueue } = ports;
  await storeCredentials(
    { fetches, enrichQueue, clock, syncs, pollQueue, credentials: ports.provider.credentials },
    definition,
    update.account,
    stored,
  );
  return { kind: 'connected', account: account.id, returnUrl };
}

/**
 * Whether the call with the token went to a host that the definition names, or that the provider has named in this
 * consent. A host that the account names says yes to everything, also to the values of a stranger.
 */
function isHostGiven(
  { api }: Definition,
  { baseUrl }: Account,
  captured: Readonly<Record<string, unknown>>,
  found: Readonly<Record<string, unknown>>,
): boolean {
  if (baseUrl !== undefined) return false;
  const [, name] = /^\{context\.(\w+)/.exec(api?.base_url ?? '') ?? [];
  if (name === undefined) return true;
  // Only a whole URL leads the call for what was connected to a host of the definition.
  const isFoundThere = api?.credentials.oauth2?.discover?.call.url !== undefined;
  return Object.hasOwn(captured, name) || (isFoundThere && Object.hasOwn(found, name));
}

function isChanged(before: Account, after: Account): boolean {
  return JSON.stringify(before.context) !== JSON.stringify(after.context);
}

/** Values of the context that the token's answer, or the redirect, brings. */
function capture(
  { definition: { api }, account }: Caller,
  token: unknown,
  query: Return['query'],
): Readonly<Record<string, unknown>> {
  const values: CallValues = { token, query, context: account.context };
  return Object.fromEntries(
    Object.entries(api?.credentials.oauth2?.capture ?? {}).flatMap(([name, template]) => {
      const rendered = renderCallTemplate(toCallTemplate(template), values);
      const text = rendered.kind === 'value' ? textOf(rendered.value) : undefined;
      return text === undefined ? [] : [[name, text]];
    }),
  );
}

type Discovery =
  | { readonly kind: 'found'; readonly context: Readonly<Record<string, unknown>> }
  | { readonly kind: 'failed'; readonly reason: string };

/** Ask the provider for which of its tenants the consent is. */
async function discover(
  ports: FinishPorts,
  definition: Definition,
  draft: Account,
  values: CredentialValues,
): Promise<Discovery> {
  const spec = definition.api?.credentials.oauth2?.discover;
  if (spec === undefined) return { kind: 'found', context: {} };
  const caller: Caller = toCaller(draft, definition);
  let bodyText = '';
  const test = await testCredentials(
    ports.provider,
    {
      ...caller,
      definition: {
        ...definition,
        api: { ...(definition.api as NonNullable<Definition['api']>), test: { call: spec.call } },
      },
    },
    values,
    (answer) => {
      bodyText = answer.body.toString('utf8');
    },
  );
  if (test.kind === 'refused')
    return { kind: 'failed', reason: `${definition.title} does not tell what was connected: ${test.reason}.` };
  const run = await ports.provider.expressions.run(
    'discover',
    {
      text: bodyText,
      records: spec.records,
      capture: spec.capture,
      context: caller.account.context,
      ...(spec.label === undefined ? {} : { label: spec.label }),
    },
    `${definition.name} ${draft.id}`,
  );
  const found = run.kind === 'ended' ? run.result : [];
  const known = found.filter(({ context }) =>
    Object.entries(context).every(
      ([name, value]) => draft.context[name] === undefined || textOf(draft.context[name]) === value,
    ),
  );
  const [first, ...others] = known;
  if (first === undefined)
    return { kind: 'failed', reason: `${definition.title} gave access to nothing that this account could be.` };
  if (others.length > 0 && spec.choose === 'one')
    return {
      kind: 'failed',
      reason: `You gave access to ${known.length} at once (${known.map(({ label }) => label).join(', ')}). Connect again and choose one.`,
    };
  return { kind: 'found', context: first.context };
}
