import { setTimeout as waitFor } from 'node:timers/promises';
import type { Definition } from '../../../../lambdas/engine/definition/schema.ts';
import type { Exchanges } from '../../../definitions/exchanges.ts';
import type { Sample } from '../../../definitions/samples.ts';
import type { AnswerWorld } from './answers/answer-world.ts';
import { createRememberedPages } from './answers/repeated-pages.ts';
import { createCallCounts, type ProviderStats } from './call-counts.ts';
import { type CompiledProvider, compileProvider } from './compile-provider.ts';
import { createOAuthEndpoints } from './credentials/oauth-endpoints.ts';
import { answerLogin } from './credentials/session-login.ts';
import {
  createCredentialCheck,
  type SimulatedCredentials,
  simulatedCredentials,
} from './credentials/simulated-credentials.ts';
import { createTokenIssuer, type IssuedTokens } from './credentials/token-issuer.ts';
import { noFaults, type ProviderFaults } from './draw-fault.ts';
import { createTokenEnds } from './faults/token-ends.ts';
import { createWriteTimes } from './faults/write-times.ts';
import { createLimitMeter } from './limits/limit-meter.ts';
import { listenOnLoopback } from './loopback-server.ts';
import { createProviderRecords, type ProviderRecords } from './records/provider-records.ts';
import { toProviderRequest } from './requests/provider-request.ts';
import { type ServedRequest, type ServingProvider, serveRequest } from './serve-request.ts';
import type { UnservedCall } from './served-call.ts';
import type { SampleChange } from './webhooks/sample-webhook.ts';
import { createWebhookSender, type WebhookOptions, type WebhookSender } from './webhooks/webhook-sender.ts';

export interface ProviderSimulatorOptions {
  readonly definition: Definition;
  /** They show the records, the envelopes and the errors of the provider. */
  readonly exchanges: readonly Exchanges[];
  /** For webhooks. */
  readonly samples?: readonly Sample[];
  /** Records of each resource at the start. */
  readonly records: number | Readonly<Record<string, number>>;
  /** @default the system's clock */
  readonly clock?: { nowMs(): number };
  /** The same seed gives the same tokens, faults and webhooks. */
  readonly seed?: string | number;
  readonly faults?: Partial<ProviderFaults>;
  /** Other numbers of limits, by name. */
  readonly limits?: Readonly<Record<string, number>>;
  readonly credentials?: SimulatedCredentials;
  /** Life of an access token in seconds. @default 3600 */
  readonly tokenLife?: number;
  /** Whether the owner refuses each consent. */
  readonly deny?: boolean;
  readonly webhooks?: WebhookOptions;
  /** Of the account. The exchanges give the missing values. */
  readonly context?: Readonly<Record<string, unknown>>;
  /** Origin of the real API, for whole URLs of next pages. @default - they are relative */
  readonly origin?: string;
  /** @default a free port */
  readonly port?: number;
}

/** A provider that is asked without a network. */
export interface OfflineProvider extends ProviderRecords {
  /** Answer a request. @param url - Whole, or a path with its query. */
  serve(request: Parameters<typeof toProviderRequest>[0]): Promise<ServedRequest>;
  /** Replace the faults from now on. */
  setFaults(faults: Partial<ProviderFaults>): void;
  /** What an account, or for `oauth2` the vendor's client, must bring. */
  readonly credentials: SimulatedCredentials;
  readonly context: Readonly<Record<string, unknown>>;
  /** Names of the calls that are answered. */
  readonly served: readonly string[];
  readonly unserved: readonly Pick<UnservedCall, 'name' | 'reason'>[];
  /** Tokens of a new grant of `oauth2`, as after a consent. */
  grant(): IssuedTokens;
  /** End every access token now; refresh tokens work on. */
  expireTokens(): void;
  stats(): ProviderStats;
}

export interface ProviderSimulator extends OfflineProvider {
  /** `http://127.0.0.1:<port>`. */
  readonly url: string;
  stop(): Promise<void>;
}

/**
 * Start a provider on this machine that answers the calls of a definition, with limits, tokens, faults and webhooks. All
 * it knows is the definition and its exchanges.
 *
 * @throws {TypeError} for a definition without `api`.
 */
export async function startProviderSimulator(options: ProviderSimulatorOptions): Promise<ProviderSimulator> {
  const { offline, provider, stop } = await createProvider(options);
  const server = await listenOnLoopback(provider, options.port ?? 0);
  return {
    ...offline,
    url: server.url,
    stop() {
      stop();
      return server.stop();
    },
  };
}

/** The same, for a caller in this process. @throws {TypeError} for a definition without `api`. */
export async function createOfflineProvider(options: Omit<ProviderSimulatorOptions, 'port'>): Promise<OfflineProvider> {
  return (await createProvider(options)).offline;
}

async function createProvider(options: ProviderSimulatorOptions) {
  const { definition, exchanges, tokenLife = 3600, clock = { nowMs: Date.now } } = options;
  const seed = String(options.seed ?? 'simulated');
  const nowMs = () => clock.nowMs();
  const compiled = await compileProvider(definition, exchanges, options.context);
  const { api, stores, context } = compiled;
  const sender = options.webhooks && createSender(options, options.webhooks, seed, nowMs);
  const faults: ProviderFaults = { ...noFaults, ...options.faults };
  const counts = createCallCounts();
  const times = createWriteTimes(faults, seed, (kind) => counts.countFault(kind));
  const onChange = (change: SampleChange) => sender?.send(change);
  const records = createProviderRecords({ definition, stores, nowMs, times, onChange });
  await records.fill(options.records);
  const configured = simulatedCredentials(api.credentials, options.credentials);
  const tokens = createTokenIssuer(seed, tokenLife);
  const oauth = { spec: api.credentials, configured, tokens, context, denies: options.deny === true, nowMs };
  const provider: ServingProvider = {
    compiled,
    world: createWorld(compiled, options, { nowMs, write: records.write, counts }),
    endpoints: createOAuthEndpoints(oauth),
    login: (chosen) => answerLogin(oauth, chosen),
    isAllowed: createCredentialCheck(api.credentials, configured, tokens),
    meter: createLimitMeter(api, options.limits),
    counts,
    faults,
    tokenEnds: createTokenEnds(() => tokens.expireRenewable()),
    seed,
    nowMs,
    wait: async (ms) => {
      if (ms > 0) await waitFor(ms);
    },
  };
  const lasts = api.credentials.oauth2?.refresh === 'none';
  const offline: OfflineProvider = {
    ...records.api,
    credentials: configured,
    context,
    served: [...compiled.served.keys()],
    unserved: compiled.unserved.map(({ name, reason }) => ({ name, reason })),
    grant: () => tokens.grant({ owner: 'oauth2', hasRefresh: !lasts, expires: !lasts }, nowMs()),
    expireTokens: () => tokens.expireAccess(),
    stats: () => ({ ...counts.read(), tokens: tokens.counts(), webhooks: sender?.counts() ?? noWebhooks }),
    async serve(asked) {
      const end = counts.begin();
      const served = await serveRequest(provider, toProviderRequest(asked));
      end(served.name, typeof served.answer === 'object' ? served.answer.status : undefined);
      return served;
    },
    setFaults(next) {
      Object.assign(faults, noFaults, next);
    },
  };
  return { offline, provider, stop: () => sender?.stop() };
}

function createWorld(
  { stores, context, lastSerial }: CompiledProvider,
  { definition, origin }: ProviderSimulatorOptions,
  live: Pick<AnswerWorld, 'nowMs' | 'write' | 'counts'>,
): AnswerWorld {
  return { definition, stores, context, origin, lastSerial, pages: createRememberedPages(), ...live };
}

const noWebhooks = { sent: 0, doubled: 0, late: 0, lost: 0, refused: 0, unsent: 0 };

function createSender(
  { definition, samples = [] }: ProviderSimulatorOptions,
  webhooks: WebhookOptions,
  seed: string,
  nowMs: () => number,
): WebhookSender {
  return createWebhookSender({ ...webhooks, definition, samples, seed, nowMs });
}
