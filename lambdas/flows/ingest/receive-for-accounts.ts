import { contextValues } from '../../engine/mapping/context-values.ts';
import { allowSources } from '../../engine/reception/allowed-sources.ts';
import { type DecidedReception, openWebhook, receiveWebhook } from '../../engine/reception/decide-reception.ts';
import type { PreparedWebhook } from '../../engine/reception/prepare-webhook.ts';
import type { PreparedContexts } from '../../engine/reception/read-contexts.ts';
import type { SecretValues, WebhookRequest } from '../../engine/request/webhook-request.ts';
import type { AccountContexts } from '../../ports/accounts/account-contexts.ts';
import type { AccountStore } from '../../ports/accounts/account-store.ts';
import type { Randomness } from '../../ports/runtime/randomness.ts';
import { type DecidePorts, decideReception, type LimitedReception } from './decide-reception.ts';

export interface ReceiveForAccountsPorts extends DecidePorts {
  readonly accounts: AccountStore;
  readonly contexts: AccountContexts;
  readonly randomness: Randomness;
}

/** How old remembered secrets and keys may be. */
export interface ProofAges {
  readonly secretsMaxAgeMs: number;
  readonly keysMaxAgeMs: number;
}

/** The result for a request of the URL for all accounts, with the account whose secrets verified it. */
export interface AccountReception {
  readonly reception: LimitedReception;
  /** Undefined when no secrets were needed, or when none verified the request. */
  readonly account?: string;
}

/** Accounts tried for one request: accounts of one tenant may share a value. */
const maxCandidates = 10;
/** An id that no account has; it is read when there is no candidate, so that the number of reads tells nothing. */
const noAccount = '-';

interface Candidate {
  readonly account: string;
  readonly secrets: SecretValues;
}

/**
 * Verify a request of the URL for all accounts with the secrets of the accounts that it names. The context is bound to
 * their secret, so a customer who knows its own secret cannot impersonate another.
 *
 * A stranger does not learn which values are known: every failure has the same reason, and an unknown value costs the
 * same reads and a check against random secrets. One difference remains: several accounts with one value take several
 * checks.
 */
export async function receiveForAccounts(
  ports: ReceiveForAccountsPorts,
  webhook: PreparedWebhook & { readonly contexts: PreparedContexts },
  request: WebhookRequest,
  ages: readonly ProofAges[],
): Promise<AccountReception> {
  const opening = openWebhook(webhook, request, ports.clock.nowMs());
  if (opening.kind === 'settled') return { reception: opening.reception };
  const { contexts, decoded } = opening;
  const { name: integration } = webhook;
  const [first] = contexts;
  // Look up one value only: an account that holds all values also holds the first.
  const ids = first === undefined ? [] : (await holdersOf(ports, integration, first)).slice(0, maxCandidates);

  let isHandshake = false;
  for (const { secretsMaxAgeMs, keysMaxAgeMs } of ages) {
    const candidates = await readCandidates(ports, webhook, ids, contexts, { request, maxAgeMs: secretsMaxAgeMs });
    for (const { account, secrets } of candidates) {
      const target = { integration, account };
      const reception = await decideReception(ports, webhook, request, { target, secrets, keysMaxAgeMs, decoded });
      if (reception.kind !== 'rejected') return { reception, account };
      isHandshake ||= reception.isHandshake === true;
    }
    if (candidates.length === 0) {
      const drawn = drawSecrets(ports.randomness, webhook.contexts);
      const reception = receiveWebhook(webhook, request, drawn, ports.clock.nowMs(), undefined, decoded);
      isHandshake ||= reception.kind === 'rejected' && reception.isHandshake === true;
    }
  }
  return { reception: unverified(isHandshake) };
}

/** Ids of the accounts that claimed a value, and of those that registered it before claims existed. */
async function holdersOf(
  { contexts }: ReceiveForAccountsPorts,
  integration: string,
  value: string,
): Promise<readonly string[]> {
  const { claims, registered } = await contexts.find(integration, value);
  return [...new Set([...claims.map(({ account }) => account), ...registered])];
}

function unverified(isHandshake: boolean): DecidedReception {
  return { kind: 'rejected', reason: 'account-unverified', ...(isHandshake ? { isHandshake } : {}) };
}

/** The accounts whose own context holds every value of the request, and that take requests from its address. */
async function readCandidates(
  { accounts }: ReceiveForAccountsPorts,
  { name, contexts: { accountContext } }: { readonly name: string; readonly contexts: PreparedContexts },
  ids: readonly string[],
  values: readonly string[],
  { request, maxAgeMs }: { readonly request: WebhookRequest; readonly maxAgeMs: number },
): Promise<readonly Candidate[]> {
  const read = await Promise.all((ids.length === 0 ? [noAccount] : ids).map((id) => accounts.get(id, maxAgeMs)));
  return read.flatMap((account) => {
    if (account === undefined || account.integration !== name || account.closed === true) return [];
    if (!allowSources(account.allowedRanges)(request.sourceIp)) return [];
    const held = contextValues(account.context[accountContext]);
    return values.every((value) => held.includes(value)) ? [{ account: account.id, secrets: account.secrets }] : [];
  });
}

/** Random secrets, in a form that every key encoding can read: checking them takes as long as a real check. */
function drawSecrets(randomness: Randomness, { secretNames }: PreparedContexts): SecretValues {
  return Object.fromEntries(secretNames.map((name) => [name, randomness.bytes(32).toString('hex')]));
}
