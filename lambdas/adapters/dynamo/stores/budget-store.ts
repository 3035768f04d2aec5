import { ConditionalCheckFailedException, type DynamoDBClient, PutItemCommand } from '@aws-sdk/client-dynamodb';
import { ttlAttribute } from '../../../contracts/tables.ts';
import type { BudgetState } from '../../../engine/provider/budget/budget-state.ts';
import type { BudgetStore, StoredBudget } from '../../../ports/provider/budget-store.ts';
import type { Clock } from '../../../ports/runtime/clock.ts';
import { fromItem, isLive, type Row, readRows, toItem } from '../rows/row-codecs.ts';

/** Longest window of a limit, and a day: a row without calls for so long says nothing. */
const keptSeconds = 32 * 86_400;

/** Where nothing is stored. */
const newBudget: BudgetState = { flights: [], limits: {}, blocks: {}, waiting: {} };

/** Budgets, in the limits table: a row each, whose state is JSON, because conditions look at its revision alone. */
export function createDynamoBudgetStore(client: DynamoDBClient, table: string, clock: Clock): BudgetStore {
  const idOf = (scope: string) => `budget#${scope}`;

  function toStored(row: Row | undefined): StoredBudget {
    if (row === undefined || !isLive(row, clock.nowMs())) return { state: newBudget, revision: 0 };
    return { state: JSON.parse(String(row['state'])) as BudgetState, revision: Number(row['revision']) };
  }

  async function read(scope: string): Promise<StoredBudget> {
    const [row] = await readRows(client, table, [{ id: idOf(scope) }]);
    return toStored(row);
  }

  return {
    read,
    async write(scope, { revision }, next) {
      const nowMs = clock.nowMs();
      const row = {
        id: idOf(scope),
        state: JSON.stringify(next),
        revision: revision + 1,
        [ttlAttribute]: Math.ceil(nowMs / 1000) + keptSeconds,
      };
      // An expired row counts as absent: DynamoDB deletes it late.
      const condition =
        revision === 0
          ? { is: 'attribute_not_exists(id) OR #expires <= :now', values: { ':now': nowMs / 1000 } }
          : { is: 'revision = :read AND #expires > :now', values: { ':read': revision, ':now': nowMs / 1000 } };
      try {
        await client.send(
          new PutItemCommand({
            TableName: table,
            Item: toItem(row),
            ConditionExpression: condition.is,
            ExpressionAttributeNames: { '#expires': ttlAttribute },
            ExpressionAttributeValues: toItem(condition.values),
            // The loser of a race decides again without another read.
            ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
          }),
        );
        return undefined;
      } catch (error) {
        if (!(error instanceof ConditionalCheckFailedException)) throw error;
        // No row was returned where none is stored. The emulator never returns one.
        return error.Item === undefined ? read(scope) : toStored(fromItem(error.Item));
      }
    },
  };
}
