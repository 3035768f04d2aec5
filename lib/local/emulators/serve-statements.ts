import { EventEmitter } from 'node:events';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { parametersOf, parseStatement, type Statement } from '../partiql-statement.ts';

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

/** @see https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchExecuteStatement.html */
const maxStatements = 25;

type Values = Readonly<Record<string, unknown>>;

/** The call of dynalite that does what a statement says. */
interface StatementCall {
  readonly table: string;
  readonly key: Values;
  readonly operation: 'PutItem' | 'UpdateItem';
  readonly input: object;
}

interface ReadStatement {
  readonly statement: Statement;
  readonly values: readonly unknown[];
}

/** What dynalite answered to a request of this process. */
interface Answer {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
}

/**
 * Let dynalite, which knows no PartiQL, take batches of the statements that the engine sends. Each is carried out as
 * the call that it stands for, by dynalite itself: an insert as a put, on the condition that its key is not there, and
 * an update on the condition that its key is.
 *
 * @see https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ql-reference.insert.html
 * @see https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ql-reference.update.html
 */
export function serveStatements(server: Server): void {
  const handle = server.listeners('request')[0] as Handler;

  const call = (headers: IncomingMessage['headers'], operation: string, input: object): Promise<Answer> =>
    new Promise((resolve) => {
      const target = `DynamoDB_20120810.${operation}`;
      const request = Object.assign(new EventEmitter(), {
        method: 'POST',
        url: '/',
        headers: { ...headers, 'x-amz-target': target },
      });
      const response = {
        statusCode: 200,
        setHeader: () => response,
        end: (body: string) => resolve({ status: response.statusCode, body: JSON.parse(body) as Answer['body'] }),
      };
      handle(request as unknown as IncomingMessage, response as unknown as ServerResponse);
      request.emit('data', Buffer.from(JSON.stringify(input)));
      request.emit('end');
    });

  /** Names of a table's key. */
  const keyOf = async (headers: IncomingMessage['headers'], table: string): Promise<readonly string[] | undefined> => {
    const { status, body } = await call(headers, 'DescribeTable', { TableName: table });
    if (status !== 200) return undefined;
    const { KeySchema } = body['Table'] as { readonly KeySchema: readonly { readonly AttributeName: string }[] };
    return KeySchema.map(({ AttributeName }) => AttributeName);
  };

  const carryOut = async (
    headers: IncomingMessage['headers'],
    { table, operation, input }: StatementCall,
  ): Promise<object> => {
    const { status, body } = await call(headers, operation, { TableName: table, ...input });
    return status === 200 ? { TableName: table } : { Error: toStatementError(body, operation) };
  };

  const execute = async (headers: IncomingMessage['headers'], text: string): Promise<Answer> => {
    const statements = readStatements(text);
    if (typeof statements === 'string') return invalid(statements);
    const tables = [...new Set(statements.map(({ statement }) => statement.table))];
    const keys = new Map(await Promise.all(tables.map(async (table) => [table, await keyOf(headers, table)] as const)));
    const calls = statements.map((one) => toCall(one, keys.get(one.statement.table)));
    const names = calls.flatMap((one) =>
      one === undefined ? [] : JSON.stringify([one.table, ...Object.entries(one.key)]),
    );
    if (new Set(names).size < names.length) return invalid('Two statements of a batch change the same item.');
    const Responses = await Promise.all(
      calls.map(async (one) => (one === undefined ? tableMissing : carryOut(headers, one))),
    );
    return { status: 200, body: { Responses } };
  };

  server.removeAllListeners('request');
  server.on('request', (request, response) => {
    if (request.headers['x-amz-target'] !== 'DynamoDB_20120810.BatchExecuteStatement') {
      handle(request, response);
      return;
    }
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      execute(request.headers, Buffer.concat(chunks).toString('utf8')).then(
        ({ status, body }) => {
          const answer = JSON.stringify(body);
          response.writeHead(status, {
            'content-type': 'application/x-amz-json-1.0',
            'content-length': Buffer.byteLength(answer),
          });
          response.end(answer);
        },
        () => response.destroy(),
      );
    });
  });
}

const tableMissing = { Error: { Code: 'ResourceNotFound', Message: 'Requested resource not found' } };

/** @returns What is wrong, where they are not what this reads. */
function readStatements(text: string): readonly ReadStatement[] | string {
  const { Statements } = (parseJson(text) ?? {}) as { readonly Statements?: unknown };
  if (!Array.isArray(Statements) || Statements.length === 0 || Statements.length > maxStatements)
    return `Statements must be a list of 1 to ${maxStatements}.`;
  const statements: ReadStatement[] = [];
  for (const one of Statements as readonly unknown[]) {
    const { Statement: said, Parameters: values } = (one ?? {}) as Readonly<Record<string, unknown>>;
    const statement = parseStatement(said);
    if (statement === undefined || !Array.isArray(values) || values.length !== parametersOf(statement))
      return `The local runner reads the inserts and updates that the engine sends, with as many parameters; got ${JSON.stringify(one)}`;
    statements.push({ statement, values });
  }
  return statements;
}

/** @returns Undefined where there is no such table. */
function toCall({ statement, values }: ReadStatement, key: readonly string[] | undefined): StatementCall | undefined {
  const [partition] = key ?? [];
  if (key === undefined || partition === undefined) return undefined;
  const { table } = statement;
  if (statement.kind === 'insert') {
    const item = valuesByName(statement.names, values);
    return {
      table,
      key: pick(item, key),
      operation: 'PutItem',
      input: {
        Item: item,
        ConditionExpression: 'attribute_not_exists(#key)',
        ExpressionAttributeNames: { '#key': partition },
      },
    };
  }
  const { set, removed, conditions } = statement;
  const found = valuesByName(
    conditions.map(({ attribute }) => attribute),
    values.slice(set.length),
  );
  const others = conditions.filter(({ attribute }) => !key.includes(attribute));
  const attributes = [...new Set([...set, ...removed, ...others.map(({ attribute }) => attribute), partition])];
  const name = (attribute: string) => `#n${attributes.indexOf(attribute)}`;
  const held = others.map(({ attribute, orMissing }, index) =>
    orMissing
      ? `(attribute_not_exists(${name(attribute)}) OR ${name(attribute)} = :c${index})`
      : `${name(attribute)} = :c${index}`,
  );
  return {
    table,
    key: pick(found, key),
    operation: 'UpdateItem',
    input: {
      Key: pick(found, key),
      UpdateExpression: [
        `SET ${set.map((attribute, index) => `${name(attribute)} = :s${index}`).join(', ')}`,
        ...(removed.length === 0 ? [] : [`REMOVE ${removed.map(name).join(', ')}`]),
      ].join(' '),
      ConditionExpression: [`attribute_exists(${name(partition)})`, ...held].join(' AND '),
      ExpressionAttributeNames: Object.fromEntries(attributes.map((attribute) => [name(attribute), attribute])),
      ExpressionAttributeValues: {
        ...Object.fromEntries(set.map((_, index) => [`:s${index}`, values[index]])),
        ...Object.fromEntries(others.map(({ attribute }, index) => [`:c${index}`, found[attribute]])),
      },
    },
  };
}

function valuesByName(names: readonly string[], values: readonly unknown[]): Values {
  return Object.fromEntries(names.map((name, index) => [name, values[index]]));
}

function pick(values: Values, names: readonly string[]): Values {
  return Object.fromEntries(names.map((name) => [name, values[name]]));
}

/** @see https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchStatementError.html */
function toStatementError(
  { __type: type, message, Message }: Answer['body'],
  operation: StatementCall['operation'],
): object {
  const [, name = ''] = String(type).split('#');
  if (name === 'ConditionalCheckFailedException')
    return operation === 'PutItem'
      ? { Code: 'DuplicateItem', Message: 'Duplicate primary key exists in table' }
      : { Code: 'ConditionalCheckFailed', Message: 'The conditional request failed' };
  const codes: Readonly<Record<string, string>> = {
    ValidationException: 'ValidationError',
    ResourceNotFoundException: 'ResourceNotFound',
  };
  return { Code: codes[name] ?? 'InternalServerError', Message: message ?? Message ?? name };
}

function invalid(message: string): Answer {
  return { status: 400, body: { __type: 'com.amazon.coral.validate#ValidationException', message } };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
