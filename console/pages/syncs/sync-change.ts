import { forget } from '../../queries.ts';

/** Forget what was answered about syncs. */
export async function forgetSync(): Promise<void> {
  await forget(
    'GET /v1/accounts/{id}/syncs/{sync}',
    'GET /v1/accounts/{id}/syncs/{sync}/runs',
    'GET /v1/accounts/{id}/syncs',
    'GET /v1/syncs',
  );
}
