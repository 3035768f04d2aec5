import { type Body, call } from '../../engine-client.ts';
import { type Action, forget, useAction } from '../../queries.ts';

export type AccountChange = Body<'PATCH /v1/accounts/{id}'>;

/** Forget what depends on an account: its syncs begin and end with its credentials. */
async function forgetAccount(): Promise<void> {
  await forget(
    'GET /v1/accounts/{id}',
    'GET /v1/accounts',
    'GET /v1/accounts/{id}/syncs',
    'GET /v1/accounts/{id}/limits',
    'GET /v1/syncs',
  );
}

/**
 * Change an account.
 *
 * @param onDone - Called once it has changed, before the page shows it.
 */
export function useAccountChange(id: string, onDone: () => void): Action<[change: AccountChange], void> {
  return useAction(async (_, change: AccountChange) => {
    await call('PATCH /v1/accounts/{id}', { params: { id }, body: change });
    onDone();
    await forgetAccount();
  });
}
