import { callOf, nameOf, planAnswer, planPlainAnswer } from '../../../lambdas/engine/definition/plan-answer.ts';
import type { Definition } from '../../../lambdas/engine/definition/schema.ts';
import type { CredentialValues } from '../../../lambdas/engine/provider/credentials/credential-values.ts';
import type { CallSpec, PageSpec } from '../../../lambdas/engine/provider/language/call-schema.ts';
import type { CallValues } from '../../../lambdas/engine/provider/request/call-values.ts';
import type { PagePosition } from '../../../lambdas/engine/provider/request/page-position.ts';
import {
  buildRequest,
  type CallOutcome,
  callProvider,
  type ProviderCall,
} from '../../../lambdas/flows/provider/call-provider.ts';
import { type Caller, type ProviderPorts, toCaller } from '../../../lambdas/flows/provider/provider-ports.ts';
import { openCredentials, sealValues, storeClient } from '../../../lambdas/flows/provider/sealed-credentials.ts';
import type { Account } from '../../../lambdas/ports/accounts/account-store.ts';
import type { Clock } from '../../../lambdas/ports/runtime/clock.ts';
import type { AccountFile } from './account-file.ts';
import { createDirectProvider, type RecordedExchange } from './direct-provider.ts';
import { decoyOf, type ShownRequest, showRequest, showTokenRequest } from './hide-secrets.ts';

/** A declared call, with its place in the definition. */
export interface WantedCall {
  /** Undefined for `test`. */
  readonly resource: string | undefined;
  readonly method: string;
  readonly values: CallValues;
  /** At most so many pages. */
  readonly pages: number;
}

/** A request as it may be shown, with what came back. */
export interface ShownExchange extends RecordedExchange {
  readonly shown: ShownRequest;
}

export interface MadeCall {
  readonly exchanges: readonly ShownExchange[];
  /** Of the last page. */
  readonly outcome: CallOutcome;
  /** Whether another page follows. */
  readonly hasMore: boolean;
  /** What credentials the account has now: a call may have brought another token. */
  readonly credentials: CredentialValues;
}

type Declared = Pick<ProviderCall, 'name' | 'spec'> & { readonly planAt: (at?: PagePosition) => ProviderCall['plan'] };

/** How long a call waits for a limit of the definition. */
const waitMs = 30_000;
const tenant = 'account-file';

/** The call of a definition; undefined where it declares none. */
function declaredCall(definition: Definition, { resource, method }: WantedCall): Declared | undefined {
  if (resource === undefined) {
    const test = definition.api?.test;
    if (test === undefined) return undefined;
    const plan = planPlainAnswer(definition, 'test', test.call);
    return {
      name: { resource: 'test', call: 'test' },
      spec: test.call,
      planAt: () => ({ ...plan, ...(test.expect === undefined ? {} : { expect: test.expect }) }),
    };
  }
  const call = callOf(definition, resource, method as 'get');
  return call && { name: nameOf(call), spec: call.spec, planAt: (at) => planAnswer(definition, call, at) };
}

/** Make a declared call as the engine makes it: with a token where the credentials need one, within the limits. */
export async function makeCall(
  definition: Definition,
  wanted: WantedCall,
  account: AccountFile,
  clock: Clock,
  hosts: ReadonlyMap<string, string>,
): Promise<MadeCall> {
  const declared = declaredCall(definition, wanted);
  if (declared === undefined) throw new TypeError('a wanted call is declared');
  const { ports, takeExchanges } = createDirectProvider(clock, hosts);
  const caller = await createCaller(ports, definition, account);
  const exchanges: ShownExchange[] = [];
  let position: PagePosition | undefined;
  for (let page = 1; ; page += 1) {
    const outcome = await callProvider(ports, caller, {
      name: declared.name,
      spec: declared.spec,
      plan: declared.planAt(position),
      values: wanted.values,
      position,
      priority: 'read',
      deadlineMs: clock.nowMs() + waitMs,
    });
    const { values: credentials } = (await openCredentials(ports, caller.account, 0)) ?? {
      values: account.credentials,
    };
    const decoy = await decoyRequest(ports, caller, declared.spec, { ...wanted, position }, credentials);
    exchanges.push(
      ...takeExchanges().map((exchange) => ({
        ...exchange,
        shown: exchange.purpose === 'token' ? showTokenRequest(exchange.request) : showRequest(exchange.request, decoy),
      })),
    );
    const next = outcome.kind === 'read' ? outcome.answer.next : undefined;
    if (next === undefined || page >= wanted.pages)
      return { exchanges, outcome, hasMore: next !== undefined, credentials };
    position = next;
  }
}

async function createCaller(
  ports: ProviderPorts,
  definition: Definition,
  { context, baseUrl, credentials, client }: AccountFile,
): Promise<Caller> {
  const { name } = definition;
  const createdAt = new Date(ports.clock.nowMs()).toISOString();
  const account: Account = {
    id: 'account',
    tenant,
    integration: name,
    secrets: {},
    context,
    baseUrl,
    credentialKind: credentials.kind,
    createdAt,
    revision: 1,
  };
  if (client !== undefined) await storeClient(ports, name, client, ports.clock.nowMs());
  await ports.credentials.replace({
    account: account.id,
    tenant,
    incarnation: createdAt,
    kind: credentials.kind,
    sealed: await sealValues(ports, account, credentials),
    generation: 1,
    expiresAtMs: credentials.token?.expiresAtMs,
    updatedAtMs: ports.clock.nowMs(),
    revision: 0,
  });
  return toCaller(account, definition);
}

/** The same request with other credentials: what differs holds a secret. */
async function decoyRequest(
  ports: ProviderPorts,
  caller: Caller,
  spec: CallSpec & { readonly page?: PageSpec | undefined },
  { values, position }: Pick<ProviderCall, 'values' | 'position'>,
  credentials: CredentialValues,
) {
  const built = await buildRequest(ports, caller, { spec, values, position, request: undefined }, decoyOf(credentials));
  return built.kind === 'call' ? built.call : undefined;
}
