import { createHash } from 'node:crypto';
import { type DynamoDBClient, PutItemCommand } from '@aws-sdk/client-dynamodb';
import { ttlAttribute } from '../../../contracts/tables.ts';
import type { NonceStore } from '../../../ports/accounts/nonce-store.ts';
import type { Clock } from '../../../ports/runtime/clock.ts';
import { putOnCondition } from '../rows/conditions.ts';
import { toItem } from '../rows/row-codecs.ts';

/** Nonces, in the idempotency table: a row each, named by a digest, because senders choose the length of a nonce. */
export function createDynamoNonceStore(client: DynamoDBClient, table: string, clock: Clock): NonceStore {
  return {
    async claim({ owner, value, bodySha256, expiresAtEpochSeconds }) {
      const digest = createHash('sha256')
        .update(JSON.stringify([owner, value]))
        .digest('hex');
      const put = new PutItemCommand({
        TableName: table,
        Item: toItem({ id: `nonce#${digest}`, bodySha256, [ttlAttribute]: expiresAtEpochSeconds }),
        ConditionExpression: 'attribute_not_exists(id) OR #expiry <= :now OR bodySha256 = :body',
        ExpressionAttributeNames: { '#expiry': ttlAttribute },
        ExpressionAttributeValues: toItem({ ':now': Math.floor(clock.nowMs() / 1000), ':body': bodySha256 }),
      });
      return (await putOnCondition(client, put)) ? 'claimed' : 'taken';
    },
  };
}
