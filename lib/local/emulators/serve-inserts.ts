import { EventEmitter } from 'node:events';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { parseInsert } from '../partiql-insert.ts';

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

/** @see https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchExecuteStatement.html */
const maxStatements = 25;

interface Statement {
  readonly table: string;
  readonly item: Readonly<Record<string, unknown>>;
}

/** What dynalite answered to a request of this process. */
interface Answer {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
}

/**
 * Let dynalite, which knows no PartiQL, take batches of inserts: the only statements that the engine sends. Each is
 * carried out as the put that it stands for, by dynalite itself, on the condition that its key is not there.
 *
 * @see https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ql-reference.insert.html
 */
export function serveInserts(server: Server): void {
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

  const insert = async (
    headers: IncomingMessage['headers'],
    { table, item }: Statement,
    key: readonly string[] | undefined,
  ): Promise<object> => {
    const [partition] = key ?? [];
    if (partition === undefined)
      return { Error: { Code: 'ResourceNotFound', Message: 'Requested resource not found' } };
    const { status, body } = await call(headers, 'PutItem', {
      TableName: table,
      Item: item,
      ConditionExpression: 'attribute_not_exists(#key)',
      ExpressionAttributeNames: { '#key': partition },
    });
    return status === 200 ? { TableName: table } : { Error: toStatementError(body) };
  };

  const execute = async (headers: IncomingMessage['headers'], text: string): Promise<Answer> => {
    const statements = readStatements(text);
    if (typeof statements === 'string') return invalid(statements);
    const tables = [...new Set(statements.map(({ table }) => table))];
    const keys = new Map(await Promise.all(tables.map(async (table) => [table, await keyOf(headers, table)] as const)));
    const names = statements.map(({ table, item }) =>
      JSON.stringify([table, ...(keys.get(table) ?? []).map((name) => item[name])]),
    );
    if (new Set(names).size < names.length) return invalid('Two statements of a batch insert the same key.');
    const Responses = await Promise.all(statements.map((one) => insert(headers, one, keys.get(one.table))));
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

/** @returns What is wrong, where they are not what this reads. */
function readStatements(text: string): readonly Statement[] | string {
  const { Statements } = (parseJson(text) ?? {}) as { readonly Statements?: unknown };
  if (!Array.isArray(Statements) || Statements.length === 0 || Statements.length > maxStatements)
    return `Statements must be a list of 1 to ${maxStatements}.`;
  const statements: Statement[] = [];
  for (const one of Statements as readonly unknown[]) {
    const statement = readInsert(one);
    if (statement === undefined)
      return `The local runner reads INSERT INTO "table" VALUE {'name': ?, ...} with as many parameters; got ${JSON.stringify(one)}`;
    statements.push(statement);
  }
  return statements;
}

function readInsert(statement: unknown): Statement | undefined {
  const { Statement: text, Parameters: values } = (statement ?? {}) as Readonly<Record<string, unknown>>;
  const insert = parseInsert(text);
  if (insert === undefined || !Array.isArray(values) || values.length !== insert.names.length) return undefined;
  return {
    table: insert.table,
    item: Object.fromEntries(insert.names.map((name, index) => [name, values[index] as unknown])),
  };
}

/** @see https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchStatementError.html */
function toStatementError({ __type: type, message, Message }: Answer['body']): object {
  const [, name = ''] = String(type).split('#');
  if (name === 'ConditionalCheckFailedException')
    return { Code: 'DuplicateItem', Message: 'Duplicate primary key exists in table' };
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
