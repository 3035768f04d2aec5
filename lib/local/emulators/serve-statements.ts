import { EventEmitter } from 'node:events';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { readStatements, type StatementCall, toCall } from './statement-call.ts';

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

/** Dynalite's answer to a request of this process. */
interface Answer {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
}

/**
 * Make dynalite, which does not know PartiQL, accept batches of the statements that the engine sends. Dynalite runs
 * each statement as the equivalent call: an insert as a put on the condition that the key does not exist, and an update
 * on the condition that it does.
 *
 * @see https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ql-reference.insert.html
 * @see https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ql-reference.update.html
 */
export function serveStatements(server: Server): void {
  const handle = server.listeners('request')[0] as Handler;
  server.removeAllListeners('request');
  const known: KnownKeys = new Map();
  server.on('request', (request, response) => {
    if (request.headers['x-amz-target'] !== 'DynamoDB_20120810.BatchExecuteStatement') {
      handle(request, response);
      return;
    }
    const call: CallDynalite = (operation, input) => callDynalite(handle, request.headers, operation, input);
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      execute(call, known, Buffer.concat(chunks).toString('utf8')).then(
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

/** Calls dynalite with the credentials of the request that is being served. */
type CallDynalite = (operation: string, input: object) => Promise<Answer>;

function callDynalite(
  handle: Handler,
  headers: IncomingMessage['headers'],
  operation: string,
  input: object,
): Promise<Answer> {
  return new Promise((resolve) => {
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
}

/** Names of the key attributes by table: the runner never changes a table after it has created it. */
type KnownKeys = Map<string, readonly string[]>;

/** Execute a batch of statements, each as its own call. */
async function execute(call: CallDynalite, known: KnownKeys, text: string): Promise<Answer> {
  const statements = readStatements(text);
  if (typeof statements === 'string') return invalid(statements);
  const tables = [...new Set(statements.map(({ statement }) => statement.table))];
  const keys = new Map(
    await Promise.all(tables.map(async (table) => [table, await keyOf(call, known, table)] as const)),
  );
  const calls = statements.map((one) => toCall(one, keys.get(one.statement.table)));
  const names = calls.flatMap((one) =>
    one === undefined ? [] : JSON.stringify([one.table, ...Object.entries(one.key)]),
  );
  if (new Set(names).size < names.length) return invalid('Two statements of a batch change the same item.');
  const Responses = await Promise.all(
    calls.map(async (one) => (one === undefined ? tableMissing : carryOut(call, one))),
  );
  return { status: 200, body: { Responses } };
}

/** Names of a table's key attributes. */
async function keyOf(call: CallDynalite, known: KnownKeys, table: string): Promise<readonly string[] | undefined> {
  const found = known.get(table);
  if (found !== undefined) return found;
  const { status, body } = await call('DescribeTable', { TableName: table });
  if (status !== 200) return undefined;
  const { KeySchema } = body['Table'] as { readonly KeySchema: readonly { readonly AttributeName: string }[] };
  const key = KeySchema.map(({ AttributeName }) => AttributeName);
  known.set(table, key);
  return key;
}

async function carryOut(call: CallDynalite, { table, operation, input }: StatementCall): Promise<object> {
  const { status, body } = await call(operation, { TableName: table, ...input });
  return status === 200 ? { TableName: table } : { Error: toStatementError(body, operation) };
}

const tableMissing = { Error: { Code: 'ResourceNotFound', Message: 'Requested resource not found' } };

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
