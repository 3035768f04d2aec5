import { call } from '../../engine-client.ts';
import { forget, useAction, useList } from '../../queries.ts';
import { maySee } from '../../session.ts';
import { Empty } from '../../ui/page.tsx';
import { Problem } from '../../ui/problem.tsx';
import { ListTable } from '../../ui/table.tsx';
import { syncColumns } from '../syncs/sync-columns.tsx';
import { useAccountChange } from './account-change.ts';
import type { Account, Integration } from './account-status.tsx';

interface AccountSyncsProps {
  readonly account: Account;
  readonly integration: Integration | undefined;
  readonly onDone: (said: string) => void;
}

/** Why the account has no syncs, and how it gets some. */
function NoSyncs({ account, integration, onDone }: AccountSyncsProps) {
  const turnOn = useAccountChange(account.id, () => onDone('Polling is on. The first runs begin at once.'));
  const title = integration?.title ?? account.integration;
  if (integration?.syncs.length === 0)
    return (
      <Empty title="The account has no syncs.">
        The definition of {title} declares none. A sync of its own can be posted with the API.
      </Empty>
    );
  if (account.syncs === 'off')
    return (
      <Empty title="Polling is off for this account.">
        {maySee('accounts:write') ? (
          <button
            type="button"
            class="primary"
            onClick={() => void turnOn.run({ syncs: 'on' })}
            disabled={turnOn.isRunning}
          >
            Turn it on
          </button>
        ) : null}
        <Problem problem={turnOn.problem} />
      </Empty>
    );
  return (
    <Empty title="The account has no syncs yet.">
      They begin once it has credentials: connect it in the tab Status.
    </Empty>
  );
}

/** The syncs of an account. */
export function AccountSyncs(props: AccountSyncsProps) {
  const { account, onDone } = props;
  const list = useList('GET /v1/accounts/{id}/syncs', { params: { id: account.id } }, { everyMs: 5_000 });
  const runAll = useAction(async (idempotencyKey) => {
    const { runs, skipped } = await call('POST /v1/accounts/{id}/sync', {
      params: { id: account.id },
      body: { mode: 'incremental' },
      idempotencyKey,
    });
    const left = skipped.map(
      ({ sync, reason }) => `${sync} (${reason === 'sync-paused' ? 'paused' : 'too many wait'})`,
    );
    onDone(
      `${runs.length === 1 ? '1 run begins' : `${runs.length} runs begin`}.${left.length === 0 ? '' : ` Left out: ${left.join(', ')}.`}`,
    );
    await forget('GET /v1/accounts/{id}/syncs', 'GET /v1/accounts/{id}/syncs/{sync}', 'GET /v1/syncs');
  });
  const hasSyncs = (list.data?.length ?? 0) > 0;
  const items = list.data?.map((sync) => ({ ...sync, account: account.id }));
  return (
    <>
      {hasSyncs && maySee('accounts:write') ? (
        <div class="actions">
          <button type="button" onClick={() => void runAll.run()} disabled={runAll.isRunning}>
            Run all now
          </button>
        </div>
      ) : null}
      <Problem problem={runAll.problem} />
      <ListTable
        caption="Syncs of the account"
        columns={syncColumns(false)}
        list={{ ...list, data: items }}
        keyOf={({ id }) => id}
        empty={<NoSyncs {...props} />}
      />
    </>
  );
}
