import { computed, signal } from '@preact/signals';
import { type Answer, ApiProblem, call, useTokens } from './engine-client.ts';
import { queries } from './queries.ts';

/** Who is signed in, and until when. Kept for this tab only. */
export interface Session {
  readonly token: string;
  /** Epoch milliseconds. */
  readonly endsAtMs: number;
  readonly caller: Answer<'GET /v1/caller'>;
}

/** Path of the console: a partner's has its session in it, which says who may show it in a frame. */
export const base = /^\/console(?:\/p\/[\w-]+)?(?=\/|$)/.exec(location.pathname)?.[0] ?? '/console';

/** The path of the console decides which session is used, so a link opens its own tenant in any tab. */
const storageKey = `tributary.session ${base}`;

export const session = signal<Session | undefined>(restored());
/** Whether the session ended while the console was in use: what was typed stays, and signing in goes on with it. */
export const hasEnded = signal(false);
/** The tenant whose events and accounts an operator looks at; undefined for all. */
export const chosenTenant = signal<string | undefined>(undefined);

/** The tenant of the caller, or the one that an operator chose. */
export const tenant = computed(() => session.value?.caller.tenant ?? chosenTenant.value);
export const isOperator = computed(() => session.value?.caller.tenant === null);

/**
 * The address of a page. That of the first has no slash at its end, for which the API has no route.
 *
 * @param path - Such as `/deliveries`.
 */
export const href = (path: string) => (path === '/' ? base : `${base}${path}`);

export function maySee(scope: string): boolean {
  const scopes: readonly string[] = session.value?.caller.scopes ?? [];
  return scopes.includes('admin') || scopes.includes(scope) || scopes.includes(scope.replace(/:read$/, ':write'));
}

useTokens({ token: () => session.value?.token, refused: () => endSession() });

function restored(): Session | undefined {
  try {
    const stored = JSON.parse(sessionStorage.getItem(storageKey) ?? 'null') as Session | null;
    return stored !== null && stored.endsAtMs > Date.now() ? stored : undefined;
  } catch {
    return undefined;
  }
}

function store(value: Session | undefined): void {
  try {
    if (value === undefined) sessionStorage.removeItem(storageKey);
    else sessionStorage.setItem(storageKey, JSON.stringify(value));
  } catch {
    // A browser that stores nothing signs in again after a reload.
  }
}

let timer: ReturnType<typeof setTimeout> | undefined;

function begin(token: string, seconds: number, caller: Session['caller']): void {
  const before = session.value?.caller;
  // What was answered for another tenant is none of this caller's. One of the same tenant goes on, with what it may see.
  if (before?.tenant !== caller.tenant) forgetCaller();
  else if (before?.key !== caller.key) void queries.resetQueries();
  const value = { token, endsAtMs: Date.now() + seconds * 1000, caller };
  store(value);
  session.value = value;
  hasEnded.value = false;
  watchEnd(value);
}

function watchEnd({ endsAtMs }: Session): void {
  clearTimeout(timer);
  timer = setTimeout(endSession, Math.max(0, endsAtMs - Date.now()));
}
if (session.value !== undefined) watchEnd(session.value);

/** The token no longer works. The page stays, with what was typed into it. */
function endSession(): void {
  if (session.value === undefined) return;
  store(undefined);
  hasEnded.value = true;
}

export function signOut(): void {
  clearTimeout(timer);
  store(undefined);
  session.value = undefined;
  hasEnded.value = false;
  forgetCaller();
}

function forgetCaller(): void {
  queries.clear();
  chosenTenant.value = undefined;
}

/** Exchange an API key for a token of an hour. The key itself is kept nowhere. */
export async function signInWithKey(key: string): Promise<void> {
  const [, id] = /^tk_([A-Za-z0-9]+)_\S+$/.exec(key.trim()) ?? /^tk_(\w+)$/.exec(key.trim()) ?? [];
  if (id === undefined) throw new ApiProblem(401, 'This is not an API key: a key looks like tk_<id>_<secret>.');
  const { access_token: token, expires_in: seconds } = await call('POST /v1/token', {
    body: { grant_type: 'client_credentials' },
    authorization: `Bearer ${key.trim()}`,
  });
  begin(token, seconds, await call('GET /v1/caller', { authorization: `Bearer ${token}` }));
}

/** Exchange the code of a portal link, which works once: one call, so that nothing is lost after it. */
export async function signInWithCode(code: string): Promise<void> {
  const opened = await call('POST /v1/portal-sessions/open', { body: { code } });
  const { id, tenant: own, scopes, expires_at: endsAt, return_url, refresh_url } = opened.session;
  begin(opened.access_token, opened.expires_in, {
    key: id,
    name: `Portal session of ${own}`,
    tenant: own,
    scopes,
    expires_at: endsAt,
    portal: { return_url, refresh_url },
  });
}

/** Take the code out of the address, so that neither the history nor a copied link has it. */
export function takeCode(): string | undefined {
  const code = new URLSearchParams(location.hash.slice(1)).get('code') ?? undefined;
  if (code !== undefined) history.replaceState(null, '', `${location.pathname}${location.search}`);
  return code;
}
