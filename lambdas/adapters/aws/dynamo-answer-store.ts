import { promisify } from 'node:util';
import { gunzip, gzip } from 'node:zlib';
import { DeleteItemCommand, type DynamoDBClient, GetItemCommand, PutItemCommand } from '@aws-sdk/client-dynamodb';
import { EngineError } from '../../contracts/engine-error.ts';
import { ttlAttribute } from '../../contracts/tables.ts';
import type { AnswerClaim, AnswerStanding, AnswerStore, StoredAnswer } from '../../ports/answer-store.ts';
import type { ClaimStore } from '../../ports/claim-store.ts';
import type { Clock } from '../../ports/clock.ts';
import { putOnCondition } from './dynamo-conditions.ts';
import { fromItem, type Row, toItem } from './dynamo-rows.ts';

/** An item holds 400 KB; what is larger goes to S3. */
const maxInlineBytes = 300 * 1024;
/** No tenant is called so: its payloads stand under its name. */
const claimPrefix = '_answers/';

/** Answers to requests that are carried out once, in the idempotency table. */
export function createDynamoAnswerStore(
  client: DynamoDBClient,
  table: string,
  claims: ClaimStore,
  clock: Clock,
): AnswerStore {
  const place = (row: Row, condition: string, values: Row) =>
    putOnCondition(
      client,
      new PutItemCommand({
        TableName: table,
        Item: toItem(row),
        ConditionExpression: condition,
        ExpressionAttributeNames: Object.fromEntries(
          ['owner', 'answer', 'leaseUntilMs', ttlAttribute]
            .filter((name) => condition.includes(`#${name}`))
            .map((name) => [`#${name}`, name]),
        ),
        ExpressionAttributeValues: toItem(values),
      }),
    );
  const rowOf = ({ expiresAtEpochSeconds, ...claim }: AnswerClaim): Row => ({
    ...claim,
    [ttlAttribute]: expiresAtEpochSeconds,
  });

  async function read(row: Row): Promise<StoredAnswer> {
    const { answer, answerClaim } = row;
    const packed =
      typeof answerClaim === 'string' ? await claims.get(answerClaim) : Buffer.from(answer as Uint8Array<ArrayBuffer>);
    return JSON.parse((await promisify(gunzip)(packed)).toString('utf8')) as StoredAnswer;
  }

  return {
    async claim(claim): Promise<AnswerStanding> {
      const nowMs = clock.nowMs();
      const isClaimed = await place(
        rowOf(claim),
        `attribute_not_exists(id) OR #${ttlAttribute} < :now OR (attribute_not_exists(#answer) AND #leaseUntilMs < :nowMs)`,
        { ':now': Math.floor(nowMs / 1000), ':nowMs': nowMs },
      );
      if (isClaimed) return { kind: 'claimed' };
      const { Item } = await client.send(
        new GetItemCommand({ TableName: table, Key: toItem({ id: claim.id }), ConsistentRead: true }),
      );
      if (Item === undefined)
        throw new EngineError('contended', 'the request was released just now', { retryable: true });
      const row = fromItem(Item);
      const fingerprint = String(row['fingerprint']);
      return row['answer'] === undefined
        ? { kind: 'running', fingerprint, leaseUntilMs: Number(row['leaseUntilMs']) }
        : { kind: 'answered', fingerprint, answer: await read(row) };
    },
    async complete(claim, answer) {
      const packed = await promisify(gzip)(JSON.stringify(answer));
      const isLarge = packed.byteLength > maxInlineBytes;
      const answerClaim = isLarge ? `${claimPrefix}${claim.id.replaceAll('#', '/')}` : undefined;
      if (answerClaim !== undefined) await claims.put(answerClaim, packed, 'application/gzip');
      await place({ ...rowOf(claim), answer: isLarge ? true : packed, answerClaim }, '#owner = :owner', {
        ':owner': claim.owner,
      });
    },
    async release({ id, owner }) {
      await client
        .send(
          new DeleteItemCommand({
            TableName: table,
            Key: toItem({ id }),
            ConditionExpression: '#owner = :owner',
            ExpressionAttributeNames: { '#owner': 'owner' },
            ExpressionAttributeValues: toItem({ ':owner': owner }),
          }),
        )
        .catch((error: unknown) => {
          // Another run has claimed it since.
          if ((error as Error).name !== 'ConditionalCheckFailedException') throw error;
        });
    },
  };
}
