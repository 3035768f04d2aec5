import { X509Certificate } from 'node:crypto';
import type { KeyRequest } from '../../engine/verification/keys/key-request.ts';
import type { KeySearch, KeysFound, ProviderKeys } from '../../ports/provider/provider-keys.ts';
import { fetchCertificate } from './fetch-certificate.ts';
import { fetchKeySet, type KeySet, keysOf } from './fetch-key-set.ts';
import {
  callForKeys,
  type FetchedKeys,
  type KeyCalls,
  KeyCallsLimited,
  maxRemembered,
  noKeys,
  type PublishedKeyPorts,
  parseJson,
  takeKeyCall,
} from './key-calls.ts';

/** How long a key is used before it is fetched again. */
const keyLifetimeMs = 24 * 3_600_000;
/** How long the absence of a key is remembered: invented ids must not cause calls. */
const absenceLifetimeMs = 60_000;
/** How often a set may be fetched again because it lacked a key: providers rotate keys. */
const setRefreshMs = 60_000;

interface Remembered extends FetchedKeys {
  readonly readAtMs: number;
}

/** What a function remembers of providers' keys. */
interface KeyMemory {
  readonly calls: KeyCalls;
  /** Keys by locator. Absent ones are kept apart, so that invented ids push no key out. */
  readonly present: Map<string, Remembered>;
  readonly absent: Map<string, Remembered>;
  readonly sets: Map<string, KeySet>;
  /** Shares running fetches by name. */
  readonly once: <T>(name: string, run: () => Promise<T>) => Promise<T>;
  /** Parses the root certificates, once. */
  readonly readRoots: () => readonly X509Certificate[];
}

/**
 * Fetch the keys that providers publish, check certificates, and remember both for the lifetime of a function instance.
 *
 * @param rootCertificates - PEM of the roots that certificates must chain to.
 */
export function createPublishedKeys(ports: PublishedKeyPorts, rootCertificates: readonly string[]): ProviderKeys {
  let roots: readonly X509Certificate[] | undefined;
  const memory: KeyMemory = {
    calls: { ...ports, spent: new Map() },
    present: new Map(),
    absent: new Map(),
    sets: new Map(),
    once: createSharing(),
    readRoots() {
      roots ??= rootCertificates.map((pem) => new X509Certificate(pem));
      return roots;
    },
  };
  return { find: async (request, search) => findKeys(memory, request, search) };
}

async function findKeys(memory: KeyMemory, request: KeyRequest, { maxAgeMs, owner }: KeySearch): Promise<KeysFound> {
  const { present, absent, once, calls } = memory;
  const nowMs = calls.clock.nowMs();
  const known = present.get(request.locator);
  const isUsable =
    known !== undefined && nowMs - known.readAtMs < keyLifetimeMs && nowMs <= (known.validUntilMs ?? nowMs);
  if (isUsable && nowMs - known.readAtMs < maxAgeMs) return foundKeys(known.keys);
  const missing = absent.get(request.locator);
  if (missing !== undefined && nowMs - missing.readAtMs < absenceLifetimeMs) return foundKeys([]);
  try {
    // Concurrent requests that need the same key share one call.
    const search = { owner, maxAgeMs: Math.min(maxAgeMs, keyLifetimeMs) };
    const { keys } = await once(request.locator, () => fetchKeys(memory, request, search));
    return foundKeys(keys);
  } catch (error) {
    // The remembered key is still valid, although the provider cannot confirm now that it is the newest.
    if (isUsable) return foundKeys(known.keys);
    if (error instanceof KeyCallsLimited) return { kind: 'limited', retryAfterMs: error.retryAfterMs };
    throw error;
  }
}

function foundKeys(keys: readonly string[]): KeysFound {
  return { kind: 'found', keys };
}

/** Fetch the keys of a request, and remember them or their absence. */
async function fetchKeys(memory: KeyMemory, request: KeyRequest, search: KeySearch): Promise<Remembered> {
  const { calls, present, absent, readRoots } = memory;
  const found =
    request.kind === 'certificate'
      ? await fetchCertificate(calls, readRoots, request, search.owner)
      : request.kind === 'call'
        ? await fetchByCall(calls, request, search.owner)
        : await fetchFromSet(memory, request, search);
  const [target, other] = found.keys.length === 0 ? [absent, present] : [present, absent];
  if (target.size >= maxRemembered) target.clear();
  const remembered = { ...found, readAtMs: calls.clock.nowMs() };
  target.set(request.locator, remembered);
  // A key that its provider has withdrawn must not be used again.
  other.delete(request.locator);
  return remembered;
}

async function fetchByCall(
  calls: KeyCalls,
  { call, select }: Extract<KeyRequest, { kind: 'call' }>,
  owner: string,
): Promise<FetchedKeys> {
  await takeKeyCall(calls, owner, call.url);
  const answer = await callForKeys(calls.provider, call);
  if (answer === undefined) return noKeys;
  if (select.length === 0) return { keys: [answer.body.toString('utf8')] };
  let found: unknown = parseJson(answer.body);
  for (const name of select) found = (found as Readonly<Record<string, unknown>> | null | undefined)?.[name];
  if (found === undefined || found === null) return noKeys;
  return { keys: [typeof found === 'string' ? found : JSON.stringify(found)] };
}

async function fetchFromSet(
  { calls, sets, once }: KeyMemory,
  { kind, url, keyId }: Extract<KeyRequest, { kind: 'jwks' | 'oidc' }>,
  { maxAgeMs, owner }: KeySearch,
): Promise<FetchedKeys> {
  const name = `${kind} ${url}`;
  const pick = (set: KeySet | undefined) => keysOf(set ?? { keys: [] }, keyId);
  let set = sets.get(name);
  const ageMs = set === undefined ? Number.POSITIVE_INFINITY : calls.clock.nowMs() - set.readAtMs;
  if (ageMs >= maxAgeMs || (pick(set).length === 0 && ageMs >= setRefreshMs)) {
    // A set has one URL, whatever the request names, so an instance's first read of it is not charged to the budget.
    // A stranger can cause every further read.
    if (set !== undefined && ageMs < keyLifetimeMs) await takeKeyCall(calls, owner, url);
    // Concurrent requests share one read of a set, also when they need different keys.
    set = await once(name, () => fetchKeySet(calls, kind, url));
    sets.set(name, set);
  }
  return { keys: pick(set) };
}

/** Callers that ask for the same name while its run is under way share that run. */
function createSharing(): <T>(name: string, run: () => Promise<T>) => Promise<T> {
  const running = new Map<string, Promise<unknown>>();
  return async <T>(name: string, run: () => Promise<T>): Promise<T> => {
    const shared = running.get(name) ?? run().finally(() => running.delete(name));
    running.set(name, shared);
    return shared as Promise<T>;
  };
}
