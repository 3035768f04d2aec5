import {
  BatchExecuteStatementCommand,
  type BatchStatementError,
  type BatchStatementRequest,
  BatchWriteItemCommand,
  type DynamoDBClient,
  UpdateItemCommand,
  type WriteRequest,
} from '@aws-sdk/client-dynamodb';
import { EngineError } from '../../../contracts/engine-error.ts';
import { type Batcher, createBatcher, outcomesOrThrow } from '../../aws/request-batcher.ts';
import { updateOnCondition } from './conditions.ts';
import { type Row, toItem } from './row-codecs.ts';

/*
 * Concurrent writes through one client share requests, whichever tables they are for. Each caller learns the outcome of
 * its own rows only.
 */

/** @see https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchWriteItem.html */
const maxBatchWrite = 25;
/** @see https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchExecuteStatement.html */
const maxBatchStatements = 25;
/** @see https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchStatementError.html */
const retryableStatementErrors: ReadonlySet<string> = new Set([
  'InternalServerError',
  'ProvisionedThroughputExceeded',
  'RequestLimitExceeded',
  'ThrottlingError',
  'TransactionConflict',
]);

interface TableWrite {
  readonly table: string;
  readonly request: WriteRequest;
}

interface TableInsert {
  readonly kind: 'insert';
  readonly table: string;
  readonly row: Row;
}

/** Put many rows, without conditions. Once the signal is aborted, nothing more is written. */
export async function writeRows(
  client: DynamoDBClient,
  table: string,
  rows: readonly Row[],
  signal?: AbortSignal,
): Promise<void> {
  return changeRows(client, table, rows, [], signal);
}

/**
 * Put many rows and delete others, without conditions. No row may occur twice.
 *
 * @throws Only after every write has ended: no write may continue after its function has answered.
 */
export async function changeRows(
  client: DynamoDBClient,
  table: string,
  rows: readonly Row[],
  removed: readonly Row[],
  signal?: AbortSignal,
): Promise<void> {
  const requests = [
    ...rows.map((row): WriteRequest => ({ PutRequest: { Item: toItem(row) } })),
    ...removed.map((key): WriteRequest => ({ DeleteRequest: { Key: toItem(key) } })),
  ];
  const writes = requests.map((request) => ({ table, request }));
  outcomesOrThrow(await writersOf(client)(writes, signal));
}

const writersOf = byClient((client) =>
  createBatcher<TableWrite, 'written'>({
    maxItems: maxBatchWrite,
    async send(writes, signal) {
      const byTable = Map.groupBy(writes, ({ table }) => table);
      const RequestItems = Object.fromEntries(
        [...byTable].map(([table, some]) => [table, some.map(({ request }) => request)]),
      );
      const command = new BatchWriteItemCommand({ RequestItems });
      // Pass no options where none are needed: any options, even empty ones, make the client drop its cached
      // middleware.
      const sending = signal === undefined ? client.send(command) : client.send(command, { abortSignal: signal });
      const { UnprocessedItems = {} } = await sending;
      if (Object.keys(UnprocessedItems).length === 0) return writes.map(() => 'written');
      const names = writes.map(({ table, request }) => nameOf(table, request));
      const left = new Set(
        Object.entries(UnprocessedItems).flatMap(([table, some]) => some.map((one) => nameOf(table, one))),
      );
      // An unrecognized row may be any of these: write them all again, which does no harm.
      const isUnclear = [...left].some((name) => !names.includes(name));
      return names.map((name) => (isUnclear || left.has(name) ? undefined : 'written'));
    },
    notTaken,
  }),
);

/** A text that is the same for a write and for its copy in the service's answer. */
function nameOf(table: string, request: WriteRequest): string {
  return JSON.stringify([table, comparable(request)]);
}

function comparable(value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64');
  if (Array.isArray(value)) return value.map(comparable);
  if (typeof value !== 'object' || value === null) return value;
  const members = Object.entries(value).sort(([one], [other]) => (one < other ? -1 : 1));
  return members.map(([name, member]) => [name, comparable(member)]);
}

/** The outcome of inserting one row. */
export type Insertion = 'inserted' | 'present' | Error;

/**
 * Put many rows, each only if no row has its key. A batch of puts cannot have conditions; a batch of statements can,
 * for the same write units. The keys must be distinct.
 *
 * @returns The outcome of each row, in order: a row that is refused, or not written in time, fails alone.
 * @see https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ql-reference.multiplestatements.batching.html
 */
export async function insertRows(
  client: DynamoDBClient,
  table: string,
  rows: readonly Row[],
): Promise<readonly Insertion[]> {
  const outcomes = await statementsOf(client)(rows.map((row): TableInsert => ({ kind: 'insert', table, row })));
  return outcomes.map((outcome): Insertion => {
    if (outcome instanceof Error) return outcome;
    if (outcome.kind === 'refused') return refused(table, outcome.error);
    return outcome.kind === 'done' ? 'inserted' : 'present';
  });
}

function refused(table: string, { Code, Message = 'no reason was given' }: BatchStatementError): EngineError {
  return new EngineError('storage-unavailable', `a row of ${table} was refused: ${Code}: ${Message}`, {
    retryable: true,
  });
}

function toInsert({ table, row }: TableInsert): BatchStatementRequest {
  const attributes = Object.entries(toItem(row));
  const members = attributes.map(([name]) => `'${name}': ?`).join(', ');
  return {
    Statement: `INSERT INTO "${table}" VALUE {${members}}`,
    Parameters: attributes.map(([, value]) => value),
  };
}

/** A change of one row. */
export interface RowUpdate {
  readonly table: string;
  readonly key: Row;
  readonly set: Row;
  readonly removed: readonly string[];
  /** The row must meet all of these, or nothing changes. */
  readonly conditions: readonly Condition[];
  /** Whether a missing row is created. A statement cannot do that, so such an update is sent separately. */
  readonly mayCreate: boolean;
}

type TableUpdate = RowUpdate & { readonly kind: 'update' };

interface Condition {
  readonly attribute: string;
  readonly is: unknown;
  /** Whether the condition also holds where the row lacks the attribute. @default false */
  readonly orMissing?: boolean;
}

/**
 * Update a row under its conditions.
 *
 * Concurrent updates are statements of one batch. An update that the service refuses as a statement is sent again
 * separately, which has the same effect and costs the same units.
 *
 * @returns Whether the conditions held, and the row exists or may be created.
 */
export async function updateRow(client: DynamoDBClient, update: RowUpdate): Promise<boolean> {
  if (update.mayCreate) return updateOnCondition(client, toUpdateCommand(update));
  const [outcome] = outcomesOrThrow(await statementsOf(client)([{ kind: 'update', ...update }]));
  return outcome?.kind === 'refused' ? updateOnCondition(client, toUpdateCommand(update)) : outcome?.kind === 'done';
}

type StatementOutcome =
  | { readonly kind: 'done' }
  /** Of an insert. */
  | { readonly kind: 'present' }
  /** Of an update. */
  | { readonly kind: 'condition-failed' }
  | { readonly kind: 'refused'; readonly error: BatchStatementError };

/** Inserts and updates share requests, whichever tables they are for. An update that is alone is no statement. */
const statementsOf = byClient((client) =>
  createBatcher<TableInsert | TableUpdate, StatementOutcome>({
    maxItems: maxBatchStatements,
    async send(statements) {
      const [only] = statements;
      if (statements.length === 1 && only?.kind === 'update')
        return [{ kind: (await updateOnCondition(client, toUpdateCommand(only))) ? 'done' : 'condition-failed' }];
      const errors = await execute(
        client,
        statements.map((one) => (one.kind === 'insert' ? toInsert(one) : toUpdateStatement(one))),
      );
      return errors.map((error): StatementOutcome | undefined => {
        if (error === undefined) return { kind: 'done' };
        if (retryableStatementErrors.has(error.Code ?? '')) return undefined;
        if (error.Code === 'DuplicateItem') return { kind: 'present' };
        return error.Code === 'ConditionalCheckFailed' ? { kind: 'condition-failed' } : { kind: 'refused', error };
      });
    },
    notTaken,
  }),
);

function toUpdateCommand({ table, key, set, removed, conditions, mayCreate }: RowUpdate): UpdateItemCommand {
  const names = new Map<string, string>();
  const nameOf = (attribute: string) => {
    const name = names.get(attribute) ?? `#n${names.size}`;
    names.set(attribute, name);
    return name;
  };
  const values: Row = {};
  const valueOf = (value: unknown) => {
    const name = `:v${Object.keys(values).length}`;
    values[name] = value;
    return name;
  };
  const sets = Object.entries(set).map(([attribute, value]) => `${nameOf(attribute)} = ${valueOf(value)}`);
  const removals = removed.map(nameOf);
  const held = conditions.map(({ attribute, is, orMissing = false }) => {
    const equals = `${nameOf(attribute)} = ${valueOf(is)}`;
    return orMissing ? `(attribute_not_exists(${nameOf(attribute)}) OR ${equals})` : equals;
  });
  const [partition = ''] = Object.keys(key);
  return new UpdateItemCommand({
    TableName: table,
    Key: toItem(key),
    UpdateExpression: `SET ${sets.join(', ')}${removals.length === 0 ? '' : ` REMOVE ${removals.join(', ')}`}`,
    ConditionExpression: [...(mayCreate ? [] : [`attribute_exists(${nameOf(partition)})`]), ...held].join(' AND '),
    ExpressionAttributeNames: Object.fromEntries([...names].map(([attribute, name]) => [name, attribute])),
    ExpressionAttributeValues: toItem(values),
  });
}

/** @see https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ql-reference.update.html */
function toUpdateStatement({ table, key, set, removed, conditions }: RowUpdate): BatchStatementRequest {
  const clauses = [
    ...Object.keys(set).map((attribute) => `SET "${attribute}" = ?`),
    ...removed.map((attribute) => `REMOVE "${attribute}"`),
  ];
  const held = [
    ...Object.keys(key).map((attribute) => `"${attribute}" = ?`),
    ...conditions.map(({ attribute, orMissing = false }) =>
      orMissing ? `("${attribute}" = ? OR "${attribute}" IS MISSING)` : `"${attribute}" = ?`,
    ),
  ];
  const values = [...Object.values(set), ...Object.values(key), ...conditions.map(({ is }) => is)];
  return {
    Statement: `UPDATE "${table}" ${clauses.join(' ')} WHERE ${held.join(' AND ')}`,
    Parameters: values.map((value) => toItem({ value })['value'] ?? { NULL: true }),
  };
}

/** @returns The error of each statement; undefined where it succeeded. */
async function execute(
  client: DynamoDBClient,
  Statements: BatchStatementRequest[],
): Promise<readonly (BatchStatementError | undefined)[]> {
  const { Responses = [] } = await client.send(new BatchExecuteStatementCommand({ Statements }));
  // A statement without an answer has an unknown outcome, like one that failed inside the service.
  return Statements.map((_, index) => (Responses[index] ?? { Error: { Code: 'InternalServerError' as const } }).Error);
}

function notTaken(items: readonly { readonly table: string }[], isLate: boolean): EngineError {
  const tables = [...new Set(items.map(({ table }) => table))].join(', ');
  return new EngineError(
    'storage-unavailable',
    isLate ? `rows of ${tables} were not written in time` : `${items.length} rows of ${tables} were not written`,
    { retryable: true },
  );
}

/** One batcher for each client, for as long as the client lives. */
function byClient<Item, Outcome>(create: (client: DynamoDBClient) => Batcher<Item, Outcome>) {
  const known = new WeakMap<DynamoDBClient, Batcher<Item, Outcome>>();
  return (client: DynamoDBClient): Batcher<Item, Outcome> => {
    const batcher = known.get(client) ?? create(client);
    known.set(client, batcher);
    return batcher;
  };
}
