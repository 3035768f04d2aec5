import { X509Certificate } from 'node:crypto';
import { EngineError } from '../../contracts/engine-error.ts';
import type { OutboundCall } from '../../engine/outbound/outbound-call.ts';
import { checkChain, readCertificates } from '../../engine/verification/keys/certificate-chain.ts';
import type { KeyRequest } from '../../engine/verification/keys/key-request.ts';
import type { ProviderAnswer, ProviderClient } from '../../ports/provider/provider-client.ts';
import type { KeySearch, KeysFound, ProviderKeys } from '../../ports/provider/provider-keys.ts';
import type { Clock } from '../../ports/runtime/clock.ts';
import type { CallLimits } from '../../ports/tenants/call-limits.ts';

/** How long a key is used before it is asked for again. */
const keyLifetimeMs = 24 * 3_600_000;
/** How long it is believed that there is no such key: invented ids must not cause calls. */
const absenceLifetimeMs = 60_000;
/** How often a set may be asked for again for a key that it lacked: providers rotate. */
const setRefreshMs = 60_000;
const maxRemembered = 1_000;
/** Certificates that are fetched to complete one chain. */
const maxIssuerFetches = 3;

interface Found {
  readonly keys: readonly string[];
  /** Epoch milliseconds; until when a certificate is valid. */
  readonly validUntilMs?: number;
}

interface Remembered extends Found {
  readonly readAtMs: number;
}

interface KeySet {
  readonly keys: readonly unknown[];
  readonly readAtMs: number;
}

/**
 * Calls for keys that are not known, by whose URL the request came to and by host, over all functions: a request
 * names its key before it is verified, so a stranger who knows the URL can make them up.
 */
const callBudget = { calls: 5, windowMs: 60_000 };

/** What keys are fetched with. */
export interface PublishedKeyPorts {
  readonly provider: ProviderClient;
  /**
   * Fetches certificates of issuers. It may use plain http, where authorities publish them: a client that needs
   * one to check the server that it fetches from would never begin. Nothing rests on how it came: a certificate
   * counts only if the signatures of its chain lead to a root. Definitions say which hosts are asked so.
   */
  readonly issuers: ProviderClient;
  readonly limits: CallLimits;
  readonly clock: Clock;
}

/** The budget for calls is spent. */
class KeyCallsLimited extends Error {
  readonly retryAfterMs: number;

  constructor(retryAfterMs: number) {
    super('too many keys that are not known were asked for');
    this.retryAfterMs = retryAfterMs;
  }
}

/**
 * Fetch the keys that providers publish, check certificates, and remember both for a function's life.
 *
 * @param rootCertificates - PEM of the roots that certificates must chain to.
 */
export function createPublishedKeys(ports: PublishedKeyPorts, rootCertificates: readonly string[]): ProviderKeys {
  const { provider, issuers, limits, clock } = ports;
  // Apart, so that invented ids push no key out.
  const [present, absent] = [new Map<string, Remembered>(), new Map<string, Remembered>()];
  const sets = new Map<string, KeySet>();
  const once = createSharing();
  /** Until when a budget is spent (epoch milliseconds), so that a flood asks for it no more. */
  const spent = new Map<string, number>();
  let roots: readonly X509Certificate[] | undefined;

  /** @throws {KeyCallsLimited} where no call may be made. */
  async function takeCall(owner: string, url: string): Promise<void> {
    const bucket = `keys#${owner}#${new URL(url).host}`;
    const nowMs = clock.nowMs();
    const untilMs = spent.get(bucket) ?? nowMs;
    if (untilMs > nowMs) throw new KeyCallsLimited(untilMs - nowMs);
    const admission = await limits.take({ bucket, ...callBudget });
    if (admission.kind === 'admitted') return;
    if (spent.size >= maxRemembered) spent.clear();
    spent.set(bucket, nowMs + admission.retryAfterMs);
    throw new KeyCallsLimited(admission.retryAfterMs);
  }

  async function fetchCertificate(
    request: Extract<KeyRequest, { kind: 'certificate' }>,
    owner: string,
  ): Promise<Found> {
    await takeCall(owner, request.url);
    roots ??= rootCertificates.map((pem) => new X509Certificate(pem));
    const answer = await succeed(provider, getting(request.url));
    const certificates = answer === undefined ? [] : [...readCertificates(answer.body)];
    for (let fetches = 0; ; fetches += 1) {
      const check = checkChain(certificates, roots, request.names, clock.nowMs());
      if (check.kind === 'trusted') return { keys: [check.pem], validUntilMs: check.validUntilMs };
      if (check.kind === 'refused' || check.issuerUrl === undefined || fetches === maxIssuerFetches) return none;
      if (!mayAskIssuer(check.issuerUrl, request.issuers)) return none;
      await takeCall(owner, check.issuerUrl);
      const found = await fetchIssuers(check.issuerUrl);
      if (found.length === 0) return none;
      certificates.push(...found);
    }
  }

  /** The certificates at a URL that a certificate names, if it may be called. */
  async function fetchIssuers(url: string): Promise<readonly X509Certificate[]> {
    try {
      const answer = await succeed(issuers, getting(url));
      return answer === undefined ? [] : readCertificates(answer.body);
    } catch (error) {
      if (error instanceof EngineError && !error.retryable) return [];
      throw error;
    }
  }

  async function fetchFromSet(
    request: Extract<KeyRequest, { kind: 'jwks' | 'oidc' }>,
    { maxAgeMs, owner }: KeySearch,
  ): Promise<Found> {
    const { kind, url, keyId } = request;
    const name = `${kind} ${url}`;
    const pick = (set: KeySet | undefined) => keysOf(set?.keys ?? [], keyId);
    let set = sets.get(name);
    const ageMs = set === undefined ? Number.POSITIVE_INFINITY : clock.nowMs() - set.readAtMs;
    if (ageMs >= maxAgeMs || (pick(set).length === 0 && ageMs >= setRefreshMs)) {
      // A set has one URL, whatever a request says: a function's first reading is its own. Any further one may be caused.
      if (set !== undefined && ageMs < keyLifetimeMs) await takeCall(owner, url);
      // Whichever of its keys are needed: at one time a set is read once.
      set = await once(name, () => readSet(kind, url));
      sets.set(name, set);
    }
    return { keys: pick(set) };
  }

  async function readSet(kind: 'jwks' | 'oidc', url: string): Promise<KeySet> {
    const { keys } = await getJson<{ readonly keys?: unknown }>(kind === 'oidc' ? await discover(url) : url);
    if (!Array.isArray(keys)) throw unavailable(url);
    return { keys, readAtMs: clock.nowMs() };
  }

  /** @see https://openid.net/specs/openid-connect-discovery-1_0.html#ProviderConfig */
  async function discover(issuer: string): Promise<string> {
    const discovery = await getJson<{ readonly jwks_uri?: unknown }>(
      `${issuer.replace(/\/+$/, '')}/.well-known/openid-configuration`,
    );
    const uri = discovery.jwks_uri;
    if (typeof uri !== 'string' || !URL.canParse(uri)) throw unavailable(issuer);
    return uri;
  }

  async function fetchByCall({ call, select }: Extract<KeyRequest, { kind: 'call' }>, owner: string): Promise<Found> {
    await takeCall(owner, call.url);
    const answer = await succeed(provider, call);
    if (answer === undefined) return none;
    if (select.length === 0) return { keys: [answer.body.toString('utf8')] };
    let found: unknown = parse(answer.body);
    for (const name of select) found = (found as Readonly<Record<string, unknown>> | null | undefined)?.[name];
    if (found === undefined || found === null) return none;
    return { keys: [typeof found === 'string' ? found : JSON.stringify(found)] };
  }

  async function getJson<T>(url: string): Promise<T> {
    const answer = await succeed(provider, getting(url));
    const value = answer === undefined ? undefined : parse(answer.body);
    if (typeof value !== 'object' || value === null) throw unavailable(url);
    return value as T;
  }

  async function fetchKeys(request: KeyRequest, search: KeySearch): Promise<Remembered> {
    const found =
      request.kind === 'certificate'
        ? await fetchCertificate(request, search.owner)
        : request.kind === 'call'
          ? await fetchByCall(request, search.owner)
          : await fetchFromSet(request, search);
    const [memory, other] = found.keys.length === 0 ? [absent, present] : [present, absent];
    if (memory.size >= maxRemembered) memory.clear();
    const remembered = { ...found, readAtMs: clock.nowMs() };
    memory.set(request.locator, remembered);
    // A key that its provider has withdrawn is one no more.
    other.delete(request.locator);
    return remembered;
  }

  return {
    async find(request, { maxAgeMs, owner }) {
      const nowMs = clock.nowMs();
      const known = present.get(request.locator);
      const isUsable =
        known !== undefined && nowMs - known.readAtMs < keyLifetimeMs && nowMs <= (known.validUntilMs ?? nowMs);
      if (isUsable && nowMs - known.readAtMs < maxAgeMs) return foundKeys(known.keys);
      const missing = absent.get(request.locator);
      if (missing !== undefined && nowMs - missing.readAtMs < absenceLifetimeMs) return foundKeys([]);
      try {
        // Requests that need the same key at the same time wait for one call.
        const search = { owner, maxAgeMs: Math.min(maxAgeMs, keyLifetimeMs) };
        const { keys } = await once(request.locator, () => fetchKeys(request, search));
        return foundKeys(keys);
      } catch (error) {
        // What is known is as good as it was, although it cannot be told now whether there is something newer.
        if (isUsable) return foundKeys(known.keys);
        if (error instanceof KeyCallsLimited) return { kind: 'limited', retryAfterMs: error.retryAfterMs };
        throw error;
      }
    },
  };
}

const none: Found = { keys: [] };

function foundKeys(keys: readonly string[]): KeysFound {
  return { kind: 'found', keys };
}

/** Whether an issuer's certificate may be fetched from a URL that a certificate names. */
function mayAskIssuer(text: string, issuers: readonly string[]): boolean {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || url.port !== '') return false;
  if (url.protocol === 'https:') return true;
  const { hostname } = url;
  return (
    url.protocol === 'http:' &&
    issuers.some((issuer) => (issuer.startsWith('.') ? hostname.endsWith(issuer) : hostname === issuer))
  );
}

/** Runs that have one name, and are asked for while one of them goes on, are that one. */
function createSharing(): <T>(name: string, run: () => Promise<T>) => Promise<T> {
  const running = new Map<string, Promise<unknown>>();
  return async <T>(name: string, run: () => Promise<T>): Promise<T> => {
    const shared = running.get(name) ?? run().finally(() => running.delete(name));
    running.set(name, shared);
    return shared as Promise<T>;
  };
}

/** The keys of a set that have an id, as JWK texts. */
function keysOf(keys: readonly unknown[], keyId: string | undefined): readonly string[] {
  return keys
    .filter((key) => typeof key === 'object' && key !== null)
    .filter((key) => keyId === undefined || (key as Readonly<Record<string, unknown>>)['kid'] === keyId)
    .map((key) => JSON.stringify(key));
}

function getting(url: string): OutboundCall {
  return { method: 'GET', url, headers: {}, body: undefined };
}

/** @returns Undefined where the provider says that there is none. */
async function succeed(client: ProviderClient, call: OutboundCall): Promise<ProviderAnswer | undefined> {
  const answer = await client.call(call);
  if (answer.status >= 200 && answer.status < 300) return answer;
  if (answer.status === 400 || answer.status === 404 || answer.status === 410) return undefined;
  throw unavailable(call.url, answer.status);
}

function parse(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    return undefined;
  }
}

function unavailable(url: string, status?: number): EngineError {
  const said = status === undefined ? 'gave no keys' : `answered ${status}`;
  return new EngineError('provider-unavailable', `${new URL(url).host} ${said}`, { retryable: true });
}
