import { parseStatement } from '../partiql-statement.ts';
import { arn } from '../template/resource-type.ts';
import type { Call } from './may-call.ts';
import { type KeyOf, keyCalls, type PartitionKeyOf, type RequiredCalls } from './required-calls.ts';

/** Operations on the one table that `TableName` names. */
const tableOperations = new Set([
  'CreateTable',
  'DeleteItem',
  'DeleteTable',
  'DescribeTable',
  'DescribeTimeToLive',
  'GetItem',
  'PutItem',
  'Query',
  'Scan',
  'UpdateItem',
  'UpdateTable',
]);
const batchOperations = new Set(['BatchGetItem', 'BatchWriteItem']);
const dataOperation = /Item$|^Query$|^Scan$/;

/**
 * Permissions that a DynamoDB request needs: the operation on each table or index that it names, and decryption with
 * the table's key.
 *
 * @param target - Header `X-Amz-Target`: `DynamoDB_20120810.PutItem`.
 * @see https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazondynamodb.html
 */
export function dynamodbCalls(
  target: string,
  body: unknown,
  keyOf: KeyOf,
  partitionKeyOf: PartitionKeyOf = () => undefined,
): RequiredCalls {
  const operation = target.split('.')[1];
  if (operation === undefined || body === null || typeof body !== 'object') return { kind: 'malformed' };
  const { TableName, IndexName, RequestItems, Statements } = body as Readonly<Record<string, unknown>>;
  if (operation === 'BatchExecuteStatement') return statementCalls(Statements, keyOf);
  const action = `dynamodb:${operation}`;
  let tables: readonly string[];
  if (operation === 'ListTables') return { kind: 'calls', calls: [{ action, resource: tableArn('*') }] };
  if (tableOperations.has(operation)) tables = typeof TableName === 'string' ? [TableName] : [];
  else if (batchOperations.has(operation)) tables = Object.keys(RequestItems ?? {});
  else return { kind: 'unknown', operation: action };
  if (tables.length === 0) return { kind: 'malformed' };

  const calls = tables.flatMap((table) => {
    const resource = tableArn(table);
    return [
      {
        action,
        resource: typeof IndexName === 'string' ? `${resource}/index/${IndexName}` : resource,
        ...leadingKeysOf(body as Readonly<Record<string, unknown>>, table, partitionKeyOf(resource)),
      },
      ...(dataOperation.test(operation) ? keyCalls(keyOf(resource), 'Decrypt') : []),
    ];
  });
  return { kind: 'calls', calls };
}

/** Permissions of the statements that the runner understands. */
function statementCalls(statements: unknown, keyOf: KeyOf): RequiredCalls {
  if (!Array.isArray(statements)) return { kind: 'malformed' };
  const read = statements.map((one) => parseStatement((one as { readonly Statement?: unknown } | null)?.Statement));
  const known = read.filter((statement) => statement !== undefined);
  if (known.length === 0 || known.length < read.length) return { kind: 'malformed' };
  const actions = { insert: 'dynamodb:PartiQLInsert', update: 'dynamodb:PartiQLUpdate' };
  const calls = known.flatMap(({ kind, table }) => [
    { action: actions[kind], resource: tableArn(table) },
    ...keyCalls(keyOf(tableArn(table)), 'Decrypt'),
  ]);
  return {
    kind: 'calls',
    calls: [...new Map(calls.map((one) => [`${one.action} ${one.resource}`, one])).values()],
  };
}

/** The partition keys of the items that a request names, where each is a text. */
function leadingKeysOf(
  body: Readonly<Record<string, unknown>>,
  table: string,
  partitionKey: string | undefined,
): Pick<Call, 'context'> {
  const { Key, Item, RequestItems } = body as {
    readonly Key?: Attributes;
    readonly Item?: Attributes;
    readonly RequestItems?: Readonly<Record<string, { readonly Keys?: readonly Attributes[] }>>;
  };
  const items = RequestItems === undefined ? [Key ?? Item] : (RequestItems[table]?.Keys ?? []);
  const keys = items.flatMap((item) => item?.[partitionKey ?? '']?.S ?? []);
  return keys.length > 0 && keys.length === items.length ? { context: { 'dynamodb:leadingkeys': keys } } : {};
}

type Attributes = Readonly<Record<string, { readonly S?: string } | undefined>>;

/** A request may also name a table by its ARN. */
function tableArn(name: string): string {
  return name.startsWith('arn:') ? name : arn('dynamodb', `table/${name}`);
}
