import { createHash } from 'node:crypto';
import { DynamoDBClient, PutItemCommand } from '@aws-sdk/client-dynamodb';
import { environmentKeys } from '../../lambdas/contracts/environment.ts';
import type { LocalEngine } from './engine.ts';

/** The key that every local engine accepts: id `local`, secret `admin`, all tenants. */
export const localAdminKey = 'tk_local_admin';

/**
 * Store an API key in a local engine, as a deployer does with the first key of a deployed one.
 *
 * @param key - `tk_<id>_<secret>`.
 * @param tenant - Null for a key that may act for every tenant.
 */
export async function seedApiKey(
  engine: Pick<LocalEngine, 'clientConfig' | 'environment'>,
  key: string,
  tenant: string | null,
): Promise<void> {
  const [, id = '', secret = ''] = key.split('_');
  const client = new DynamoDBClient(engine.clientConfig('dynamodb'));
  await client.send(
    new PutItemCommand({
      TableName: engine.environment('api')[environmentKeys.apiKeysTable],
      Item: {
        id: { S: id },
        secretSha256: { S: createHash('sha256').update(secret).digest('hex') },
        tenant: tenant === null ? { NULL: true } : { S: tenant },
      },
    }),
  );
  client.destroy();
}
