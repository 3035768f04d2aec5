import { planPlainAnswer } from '../../engine/definition/plan-answer.ts';
import type { CredentialValues } from '../../engine/provider/credentials/credential-values.ts';
import type { CredentialStore, StoredCredentials } from '../../ports/provider/credential-store.ts';
import { type CallOutcome, callProvider, type ProviderAnswer } from './call-provider.ts';
import { apiOf, type Caller, type ProviderPorts } from './provider-ports.ts';
import { sealValues } from './sealed-credentials.ts';

export type CredentialTest =
  /** The provider takes them, or does not answer now: a fault of the moment stops nobody. */
  | { readonly kind: 'usable'; readonly stored: StoredCredentials; readonly isProven: boolean }
  | { readonly kind: 'refused'; readonly reason: string };

/** Time for the test. A consent takes a token and two of them, within the time of one call of the API. */
const testMs = 6_000;

/** Try credentials before they are stored. A token that the test brings is kept: it may be the only one that works. */
export async function testCredentials(
  ports: ProviderPorts,
  caller: Caller,
  values: CredentialValues,
  onAnswer?: (answer: ProviderAnswer) => void,
): Promise<CredentialTest> {
  const { account } = caller;
  const { test } = apiOf(caller);
  const nowMs = ports.clock.nowMs();
  const drafts = createDraftStore(ports.credentials, {
    account: account.id,
    tenant: account.tenant,
    incarnation: account.createdAt,
    kind: values.kind,
    sealed: await sealValues(ports, account, values),
    generation: 1,
    updatedAtMs: nowMs,
    ...(values.token?.expiresAtMs === undefined ? {} : { expiresAtMs: values.token.expiresAtMs }),
    revision: 1,
  });
  if (test === undefined) return { kind: 'usable', stored: drafts.current(), isProven: false };
  const outcome = await callProvider({ ...ports, credentials: drafts.store }, caller, {
    name: { resource: 'test', call: 'test' },
    spec: test.call,
    plan: {
      ...planPlainAnswer(caller.definition, 'test', test.call),
      ...(test.expect === undefined ? {} : { expect: test.expect }),
    },
    values: {},
    onAnswer,
    priority: 'read',
    deadlineMs: nowMs + testMs,
    endsByMs: nowMs + testMs,
  });
  const refusal = refusalOf(outcome);
  return refusal === undefined
    ? { kind: 'usable', stored: drafts.current(), isProven: outcome.kind === 'read' }
    : { kind: 'refused', reason: refusal };
}

function refusalOf(outcome: CallOutcome): string | undefined {
  if (outcome.kind === 'auth-failed' || outcome.kind === 'unusable') return outcome.reason;
  if (outcome.kind !== 'read') return undefined;
  const { classification, fault } = outcome.answer;
  if (classification.means === 'ok' || classification.means === 'partial' || classification.means === 'empty')
    return undefined;
  return fault ?? `the provider answered ${outcome.status} (${classification.means})`;
}

/** Credentials of one account that are not stored yet. */
function createDraftStore(
  others: CredentialStore,
  first: StoredCredentials,
): {
  readonly store: CredentialStore;
  readonly current: () => StoredCredentials;
} {
  let draft = first;
  const isOurs = (account: string) => account === first.account;
  return {
    current: () => draft,
    store: {
      get: async (account, maxAgeMs) => (isOurs(account) ? draft : others.get(account, maxAgeMs)),
      getMany: async (accounts) => (accounts.some(isOurs) ? [draft] : []),
      async replace(next) {
        if (next.revision !== draft.revision) return undefined;
        draft = { ...next, revision: next.revision + 1 };
        return draft;
      },
      async remove() {
        throw new TypeError('credentials that are tried are not removed');
      },
    },
  };
}
