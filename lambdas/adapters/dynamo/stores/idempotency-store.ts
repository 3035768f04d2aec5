import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { promisify } from 'node:util';
import { gunzip, gzip } from 'node:zlib';
import { DeleteItemCommand, type DynamoDBClient, GetItemCommand, PutItemCommand } from '@aws-sdk/client-dynamodb';
import { EngineError } from '../../../contracts/engine-error.ts';
import { ttlAttribute } from '../../../contracts/tables.ts';
import type { ClaimStore } from '../../../ports/events/claim-store.ts';
import type { Clock } from '../../../ports/runtime/clock.ts';
import type {
  AnswerClaim,
  AnswerStanding,
  AnswerStore,
  StoredAnswer,
} from '../../../ports/tenants/idempotency-store.ts';
import { putOnCondition } from '../rows/conditions.ts';
import { fromItem, type Row, toItem } from '../rows/row-codecs.ts';

/** An item holds 400 KB; larger answers go to S3. */
const maxInlineBytes = 300 * 1024;
/** Payloads are stored under their tenant's name, and no tenant has this name. */
const claimPrefix = '_answers/';

const cipher = 'aes-256-gcm';
const ivBytes = 12;
const tagBytes = 16;

function seal(key: Uint8Array, plain: Buffer): Buffer {
  const iv = randomBytes(ivBytes);
  const sealing = createCipheriv(cipher, key, iv);
  return Buffer.concat([iv, sealing.update(plain), sealing.final(), sealing.getAuthTag()]);
}

function unseal(key: Uint8Array, sealed: Buffer): Buffer {
  const opening = createDecipheriv(cipher, key, sealed.subarray(0, ivBytes), { authTagLength: tagBytes });
  opening.setAuthTag(sealed.subarray(-tagBytes));
  return Buffer.concat([opening.update(sealed.subarray(ivBytes, -tagBytes)), opening.final()]);
}

/**
 * Answers to requests that run once (idempotency keys), in the idempotency table.
 *
 * An answer may contain a secret that is stored nowhere else, such as an API key. It is therefore sealed with the name
 * of its request, which only the caller can present again.
 *
 * ```
 *   no row, or an expired row      put: claimed, with the caller's seed
 *   row of another request         mismatch
 *   answered                       the answer
 *   its run may be alive           running
 *   its run is dead, or failed     put if that run still owns it: claimed, with that run's seed
 * ```
 */
export function createDynamoAnswerStore(
  client: DynamoDBClient,
  table: string,
  claims: ClaimStore,
  clock: Clock,
): AnswerStore {
  const context: AnswerContext = { client, table, claims, clock };
  return {
    claim: (claim) => claimRequest(context, claim),
    async complete(claim, answer) {
      const packed = seal(claim.sealKey, await promisify(gzip)(JSON.stringify(answer)));
      const isLarge = packed.byteLength > maxInlineBytes;
      const answerClaim = isLarge ? `${claimPrefix}${claim.id.replaceAll('#', '/')}` : undefined;
      if (answerClaim !== undefined) await claims.put(answerClaim, packed, 'application/octet-stream');
      const row = { ...rowOf(claim), answer: isLarge ? true : packed, answerClaim };
      await putRow(context, row, '#owner = :owner', { ':owner': claim.owner });
    },
    async leave(claim) {
      await putRow(context, rowOf({ ...claim, leaseUntilMs: 0 }), '#owner = :owner', { ':owner': claim.owner });
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
          // Another run has claimed the request since.
          if ((error as Error).name !== 'ConditionalCheckFailedException') throw error;
        });
    },
  };
}

interface AnswerContext {
  readonly client: DynamoDBClient;
  readonly table: string;
  readonly claims: ClaimStore;
  readonly clock: Clock;
}

async function claimRequest(context: AnswerContext, claim: AnswerClaim): Promise<AnswerStanding> {
  const { client, table, clock } = context;
  const nowMs = clock.nowMs();
  const isNew = await putRow(context, rowOf(claim), `attribute_not_exists(id) OR #${ttlAttribute} < :now`, {
    ':now': Math.floor(nowMs / 1000),
  });
  if (isNew) return { kind: 'claimed', seed: claim.seed };
  const { Item } = await client.send(
    new GetItemCommand({ TableName: table, Key: toItem({ id: claim.id }), ConsistentRead: true }),
  );
  if (Item === undefined) throw new EngineError('contended', 'the request was released just now', { retryable: true });
  const row = fromItem(Item);
  if (row['fingerprint'] !== claim.fingerprint) return { kind: 'mismatch' };
  if (row['answer'] !== undefined) return { kind: 'answered', answer: await readAnswer(context, row, claim) };
  const leaseUntilMs = Number(row['leaseUntilMs']);
  if (leaseUntilMs >= nowMs) return { kind: 'running', leaseUntilMs };
  const seed = String(row['seed']);
  const isTaken = await putRow(
    context,
    rowOf({ ...claim, seed }),
    '#owner = :owner AND attribute_not_exists(#answer)',
    { ':owner': row['owner'] },
  );
  // Otherwise a concurrent call has just taken over the request.
  return isTaken ? { kind: 'claimed', seed } : { kind: 'running', leaseUntilMs: claim.leaseUntilMs };
}

async function readAnswer(
  { claims }: AnswerContext,
  { answer, answerClaim }: Row,
  { sealKey }: AnswerClaim,
): Promise<StoredAnswer> {
  const sealed =
    typeof answerClaim === 'string' ? await claims.get(answerClaim) : Buffer.from(answer as Uint8Array<ArrayBuffer>);
  return JSON.parse((await promisify(gunzip)(unseal(sealKey, sealed))).toString('utf8')) as StoredAnswer;
}

/** @returns Whether the condition held. */
async function putRow({ client, table }: AnswerContext, row: Row, condition: string, values: Row): Promise<boolean> {
  const put = new PutItemCommand({
    TableName: table,
    Item: toItem(row),
    ConditionExpression: condition,
    ExpressionAttributeNames: Object.fromEntries(
      ['owner', 'answer', ttlAttribute]
        .filter((name) => condition.includes(`#${name}`))
        .map((name) => [`#${name}`, name]),
    ),
    ExpressionAttributeValues: toItem(values),
  });
  return putOnCondition(client, put);
}

function rowOf({ id, fingerprint, owner, seed, leaseUntilMs, expiresAtEpochSeconds }: AnswerClaim): Row {
  return { id, fingerprint, owner, seed, leaseUntilMs, [ttlAttribute]: expiresAtEpochSeconds };
}
