import type { DescribedCanary } from '../../../flows/accounts/describe-canary.ts';

/** The trial of a candidate, and what it means if something is missing. */
export function describedCanaryView({ version, mode, accounts, differences }: DescribedCanary) {
  return {
    deployed: version !== undefined,
    version: version ?? null,
    note: noteOf(version, accounts.length),
    mode: mode ?? null,
    accounts: accounts.map(({ id, tenant, mode: own, counts }) => ({ id, tenant, mode: own ?? null, ...counts })),
    differences: differences.map(({ at, account, input, published, failures, events, more }) => ({
      at,
      account,
      input,
      published,
      failures: { current: failures.current ?? null, candidate: failures.candidate ?? null },
      events: events.map((event) => ({ ...event, differences: [...event.differences] })),
      more,
    })),
  };
}

function noteOf(version: string | undefined, accounts: number): string | null {
  if (version === undefined && accounts > 0)
    return 'No candidate is deployed: the accounts use the current definition, and nothing is compared.';
  if (version === undefined)
    return 'No candidate is deployed: add the folder canary/ to the integration, and deploy it.';
  return accounts === 0 ? 'The candidate is tried on no account.' : null;
}
