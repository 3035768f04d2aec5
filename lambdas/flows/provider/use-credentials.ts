import type { AccessToken, CredentialValues } from '../../engine/provider/credentials/credential-values.ts';
import type { StoredCredentials } from '../../ports/provider/credential-store.ts';
import type { Caller, ProviderPorts } from './provider-ports.ts';
import { renewalOf, requestToken, tokenSpecOf, tokenTimeoutMs } from './request-token.ts';
import { type OpenCredentials, openClient, openCredentials, sealValues } from './sealed-credentials.ts';
import { takeTokenBudget } from './token-budget.ts';

export type UsableCredentials =
  | { readonly kind: 'credentials'; readonly values: CredentialValues; readonly generation: number }
  /** The account has none. */
  | { readonly kind: 'none' }
  /** The provider refuses them: the account's work waits for others. */
  | { readonly kind: 'auth-failed'; readonly reason: string }
  /** Another function refreshes them, or the provider does not answer. */
  | { readonly kind: 'wait'; readonly reason: string; readonly untilMs: number };

/** How old remembered credentials may be. A refused call reads them again. */
const credentialsMaxAgeMs = 30_000;
/** Refresh so long before the token expires, or after nine tenths of its life where that is later. */
const refreshAheadMs = 60_000;
/** A refresher has ended by then: its request, the write and its retries. */
const leaseMs = tokenTimeoutMs + 15_000;
/** Pause between two looks at a refresh of another function. */
const lookMs = 150;
/** Pause between two tries to write a token. */
const retryWriteMs = 500;
/** Whoever had news has sent them by then, or died. */
const newsLateMs = 60_000;
/** When to come back where the token endpoint does not answer. */
const retryMs = 10_000;
/** Longest pause that a token endpoint may ask for: its owner's new credentials wait for it, too. */
const maxPauseMs = 86_400_000;

/**
 * The credentials with which an account's calls are made now: with a token that has not expired, and that the provider
 * has not refused.
 *
 * One function at a time refreshes: it takes a lease with a conditional write, asks for the token, and writes it under
 * the condition that nobody has written since. The others wait and read. A refresh token that works once is used again
 * only where an earlier refresher died between its request and its write, because then nothing else can be done.
 *
 * @param refused - Generation of the credentials that the provider has refused.
 * @param deadlineMs - Wait for another function's refresh until then, epoch milliseconds.
 */
export async function useCredentials(
  ports: ProviderPorts,
  caller: Caller,
  refused: number | undefined,
  deadlineMs: number,
): Promise<UsableCredentials> {
  let maxAgeMs = refused === undefined ? credentialsMaxAgeMs : 0;
  for (;;) {
    const open = await openCredentials(ports, caller.account, maxAgeMs);
    if (open === undefined) return { kind: 'none' };
    const { stored, values } = open;
    if (stored.failed !== undefined) {
      // Others may have brought new ones since these were remembered.
      if (maxAgeMs === 0) {
        // Whoever marked them may have died before it sent the news.
        if (stored.failed.isTold !== true) await sendLateNews(ports, stored, stored.failed.sinceMs);
        return { kind: 'auth-failed', reason: stored.failed.reason };
      }
      maxAgeMs = 0;
      continue;
    }
    const nowMs = ports.clock.nowMs();
    if (stored.recovered !== undefined) await sendLateNews(ports, stored, stored.updatedAtMs);
    if (!needsToken(caller, open, refused, nowMs))
      return { kind: 'credentials', values, generation: stored.generation };
    if (maxAgeMs > 0) {
      maxAgeMs = 0;
      continue;
    }
    if (renewalOf(values) === undefined) {
      if (refused === undefined || stored.generation !== refused)
        return { kind: 'credentials', values, generation: stored.generation };
      const failed = await failCredentials(ports, stored, 'the provider refuses the credentials');
      if (failed !== undefined) return failed;
      continue;
    }
    if (stored.refresher === undefined || stored.refresher.untilMs <= nowMs) {
      const settled = await refresh(ports, caller, open);
      if (settled !== undefined) return settled;
      continue;
    }
    if (nowMs >= deadlineMs)
      return { kind: 'wait', reason: 'another call refreshes the token', untilMs: nowMs + lookMs };
    await ports.pause(lookMs * (0.5 + ports.randomness.fraction()));
  }
}

/** Whether calls need another token than the stored one. */
function needsToken(
  caller: Caller,
  { stored, values }: OpenCredentials,
  refused: number | undefined,
  nowMs: number,
): boolean {
  if (refused !== undefined && stored.generation <= refused) return true;
  if (tokenSpecOf(caller, values.kind) === undefined) return false;
  if (values.token === undefined) return true;
  const { expiresAtMs } = stored;
  if (expiresAtMs === undefined) return false;
  const aheadMs = Math.min(refreshAheadMs, Math.max(0, expiresAtMs - stored.updatedAtMs) / 10);
  // A token without a way to another is used until the provider refuses it.
  return nowMs >= expiresAtMs - aheadMs && renewalOf(values) !== undefined;
}

/** @returns Undefined where another function was first: read again. */
async function refresh(
  ports: ProviderPorts,
  caller: Caller,
  { stored, values }: OpenCredentials,
): Promise<UsableCredentials | undefined> {
  const grant = renewalOf(values);
  if (grant === undefined) return undefined;
  const budget = await takeTokenBudget(ports, caller);
  if (budget.kind === 'wait') return budget;
  const owner = ports.randomness.bytes(9).toString('base64url');
  const leased = await ports.credentials.replace({
    ...stored,
    refresher: { owner, untilMs: ports.clock.nowMs() + leaseMs },
  });
  if (leased === undefined) {
    await budget.giveBack();
    return undefined;
  }
  const client = values.kind === 'oauth2' ? await openClient(ports, caller.account.integration) : undefined;
  const outcome = await requestToken(ports, caller, values, grant, client);
  switch (outcome.kind) {
    case 'token': {
      const used = await storeToken(ports, caller, leased, values, outcome.token);
      await budget.settle();
      return used;
    }
    case 'dead': {
      await budget.settle();
      // The provider may have refused because another function was faster.
      const current = await stillLeased(ports, leased);
      return current === undefined ? undefined : failCredentials(ports, current, outcome.reason);
    }
    case 'unusable':
      await budget.settle();
      return failCredentials(ports, leased, outcome.reason);
    case 'unavailable': {
      const nowMs = ports.clock.nowMs();
      const untilMs = Math.max(nowMs + retryMs, Math.min(outcome.notBeforeMs ?? 0, nowMs + maxPauseMs));
      await budget.settle(untilMs);
      const { refresher: _, ...free } = leased;
      await ports.credentials.replace(free);
      return { kind: 'wait', reason: outcome.reason, untilMs };
    }
  }
}

/**
 * The credentials as they are stored now. Undefined if they were replaced since this refresher took its lease; another
 * function may have noted in their row that the tenant was told of the account.
 */
async function stillLeased(
  { credentials }: Pick<ProviderPorts, 'credentials'>,
  leased: StoredCredentials,
): Promise<StoredCredentials | undefined> {
  const current = await credentials.get(leased.account, 0);
  const isOwn = current?.refresher?.owner === leased.refresher?.owner && current?.generation === leased.generation;
  return isOwn ? current : undefined;
}

async function storeToken(
  ports: ProviderPorts,
  { account }: Caller,
  leased: StoredCredentials,
  values: CredentialValues,
  token: AccessToken,
): Promise<UsableCredentials | undefined> {
  const next: CredentialValues = { ...values, token: mergedToken(values.token, token) };
  const nowMs = ports.clock.nowMs();
  const sealed = await sealValues(ports, account, next);
  for (let base: StoredCredentials | undefined = leased; base !== undefined; base = await stillLeased(ports, leased)) {
    const { refresher: _, expiresAtMs: __, ...rest } = base;
    // The former refresh token may be dead: the new one must not be lost while there is time.
    const stored = await untilWritten(ports, leased, () =>
      ports.credentials.replace({
        ...rest,
        sealed,
        generation: leased.generation + 1,
        ...(token.expiresAtMs === undefined ? {} : { expiresAtMs: token.expiresAtMs }),
        updatedAtMs: nowMs,
        refreshedAtMs: nowMs,
      }),
    );
    if (stored !== undefined) return { kind: 'credentials', values: next, generation: stored.generation };
  }
  // Its owner brought other credentials meanwhile: those count.
  return undefined;
}

/** Try a write again while the lease lasts. @throws The last error. */
async function untilWritten<T>(
  { clock, pause }: Pick<ProviderPorts, 'clock' | 'pause'>,
  { refresher }: StoredCredentials,
  write: () => Promise<T>,
): Promise<T> {
  for (;;) {
    try {
      return await write();
    } catch (error) {
      if (clock.nowMs() + retryWriteMs >= (refresher?.untilMs ?? 0)) throw error;
      await pause(retryWriteMs);
    }
  }
}

/** An answer without a refresh token leaves the former one in force. */
function mergedToken(before: AccessToken | undefined, token: AccessToken): AccessToken {
  const refresh = token.refresh ?? before?.refresh;
  const kept = { ...before?.kept, ...token.kept };
  return {
    access: token.access,
    ...(refresh === undefined ? {} : { refresh }),
    ...(token.expiresAtMs === undefined ? {} : { expiresAtMs: token.expiresAtMs }),
    ...(Object.keys(kept).length === 0 ? {} : { kept }),
  };
}

/** Mark credentials as refused, unless others have come. */
export async function failCredentials(
  ports: Pick<ProviderPorts, 'credentials' | 'clock' | 'news'>,
  stored: StoredCredentials,
  reason: string,
): Promise<UsableCredentials | undefined> {
  const { refresher: _, ...rest } = stored;
  const failed = { sinceMs: ports.clock.nowMs(), reason };
  const written = await ports.credentials.replace({ ...rest, failed });
  if (written === undefined) return undefined;
  await sendNews(ports, stored.account);
  return { kind: 'auth-failed', reason };
}

/** Send news again that should long have been told. */
async function sendLateNews(ports: Pick<ProviderPorts, 'news' | 'clock'>, stored: StoredCredentials, sinceMs: number) {
  if (ports.clock.nowMs() - sinceMs > newsLateMs) await sendNews(ports, stored.account);
}

async function sendNews({ news }: Pick<ProviderPorts, 'news'>, account: string): Promise<void> {
  await news.send({ kind: 'account-news', account }, 0);
}
