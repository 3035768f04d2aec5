import { createHash } from 'node:crypto';
import { DeleteItemCommand, type DynamoDBClient, PutItemCommand } from '@aws-sdk/client-dynamodb';
import { ttlAttribute } from '../../../contracts/tables.ts';
import type { ConnectState, ConnectStates } from '../../../ports/provider/connect-states.ts';
import type { Clock } from '../../../ports/runtime/clock.ts';
import { fromItem, toItem } from '../rows/row-codecs.ts';

/** States of consents, in the credentials table: a row each, named by a digest. No account can have such an id. */
export function createDynamoConnectStates(client: DynamoDBClient, table: string, clock: Clock): ConnectStates {
  const keyOf = (state: string) => `state#${createHash('sha256').update(state).digest('hex')}`;
  return {
    async put(state, value) {
      const row = {
        account: keyOf(state),
        value: JSON.stringify(value),
        [ttlAttribute]: Math.ceil(value.expiresAtMs / 1000) + 60,
      };
      await client.send(new PutItemCommand({ TableName: table, Item: toItem(row) }));
    },
    async take(state) {
      const { Attributes } = await client.send(
        new DeleteItemCommand({ TableName: table, Key: toItem({ account: keyOf(state) }), ReturnValues: 'ALL_OLD' }),
      );
      if (Attributes === undefined) return undefined;
      const value = JSON.parse(String(fromItem(Attributes)['value'])) as ConnectState;
      return value.expiresAtMs > clock.nowMs() ? value : undefined;
    },
  };
}
