import { createEgressPolicy } from '../../../lambdas/adapters/http/egress-policy.ts';
import { createEndpointPools } from '../../../lambdas/adapters/http/endpoint-pools.ts';
import { createUndiciProviderApi } from '../../../lambdas/adapters/http/undici-provider-api.ts';
import { systemPause } from '../../../lambdas/adapters/node/system-pause.ts';
import { systemRandomness } from '../../../lambdas/adapters/node/system-randomness.ts';
import { createAddressFilter } from '../../../lambdas/engine/outbound/public-addresses.ts';
import type { ReadAnswer } from '../../../lambdas/engine/provider/answer/read-answer.ts';
import { createBudgets } from '../../../lambdas/flows/provider/budgets.ts';
import type { ProviderPorts } from '../../../lambdas/flows/provider/provider-ports.ts';
import { tokenName } from '../../../lambdas/flows/provider/token-budget.ts';
import type { ApiAnswer, ApiRequest, ProviderApi } from '../../../lambdas/ports/provider/provider-api.ts';
import type { Clock } from '../../../lambdas/ports/runtime/clock.ts';
import { createBudgetStore, createCredentialStore, createExpressions, plainCipher } from './in-process-ports.ts';

/** A request that was sent, and what came back. */
export interface RecordedExchange {
  /** Whether it asked for a token, or is the call itself. */
  readonly purpose: 'token' | 'call';
  readonly request: ApiRequest;
  readonly answer: ApiAnswer;
  readonly durationMs: number;
  /** How the definition reads the answer of a call; undefined where there is none. */
  readonly read?: ReadAnswer | undefined;
}

export interface DirectProvider {
  readonly ports: ProviderPorts;
  /** What was sent since the last call of this function, in order. */
  readonly takeExchanges: () => readonly RecordedExchange[];
}

/**
 * The ports of provider calls in this process: the functions' own HTTP client, with budgets and credentials in memory.
 *
 * @param hosts - Origins that stand for others.
 */
export function createDirectProvider(clock: Clock, hosts: ReadonlyMap<string, string>): DirectProvider {
  const runtime = { clock, pause: systemPause, randomness: systemRandomness };
  let exchanges: RecordedExchange[] = [];
  let purpose: RecordedExchange['purpose'] = 'token';
  const client = createApi(clock, hosts);
  const api: ProviderApi = {
    async send(request) {
      const startedAtMs = clock.nowMs();
      const answer = await client.send(request);
      exchanges.push({ purpose, request, answer, durationMs: clock.nowMs() - startedAtMs });
      purpose = 'token';
      return answer;
    },
  };
  const budgets = createBudgets({ ...runtime, budgets: createBudgetStore() });
  const expressions = createExpressions((read) => {
    const last = exchanges.at(-1);
    if (last !== undefined) exchanges = [...exchanges.slice(0, -1), { ...last, read }];
  });
  return {
    ports: {
      ...runtime,
      budgets: {
        ...budgets,
        async take(ask) {
          const grant = await budgets.take(ask);
          if (grant.granted.length > 0) purpose = ask.names.includes(tokenName) ? 'token' : 'call';
          return grant;
        },
      },
      credentials: createCredentialStore(),
      cipher: plainCipher,
      api,
      news: { send: async () => {} },
      expressions,
    },
    takeExchanges() {
      const taken = exchanges;
      exchanges = [];
      return taken;
    },
  };
}

/** Calls public addresses, and stand-ins on this machine. */
function createApi(clock: Clock, hosts: ReadonlyMap<string, string>): ProviderApi {
  const policy = createEgressPolicy({ mayDial: createAddressFilter(['127.0.0.0/8', '::1/128']), allowHttp: true });
  const client = createUndiciProviderApi(policy, createEndpointPools(policy, clock), hosts);
  return {
    async send(request) {
      const { origin } = new URL(request.url);
      const { protocol, hostname } = new URL(hosts.get(origin) ?? origin);
      const isHere = /^(localhost|127(\.\d+){3}|\[::1\])$/.test(hostname);
      // A deployed engine sends no credentials over plain http either.
      if (protocol === 'https:' || isHere) return client.send(request);
      const error = 'the provider may not be called: its scheme must be https';
      return { kind: 'failed', why: 'refused', error, wasSent: false };
    },
  };
}
