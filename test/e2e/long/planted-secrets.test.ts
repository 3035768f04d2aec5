import { generateKeyPairSync } from 'node:crypto';
import { DynamoDBClient, ScanCommand } from '@aws-sdk/client-dynamodb';
import { ListQueuesCommand, ReceiveMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { FunctionLogLine } from '../../../lib/local/sandbox/function-log.ts';
import { type Answering, answerJson, type ProviderStandIn, startProviderStandIn } from '../provider-stand-in.ts';
import { useRunningEngine } from '../running-engine.ts';

/*
 * Invariant 10: accounts with credentials of every kind meet a provider that fails in every way, and that repeats what
 * it was sent in each answer. No planted secret is then in a log, a row, a message or an answer.
 */

let provider: ProviderStandIn;
const lines: FunctionLogLine[] = [];
beforeAll(async () => {
  provider = await startProviderStandIn();
});
afterAll(async () => provider.stop());

const running = useRunningEngine(undefined, () => ({
  hosts: [
    'https://api.legacy-crm.example',
    'https://acme.zendesk.com',
    'https://api.hubapi.com',
    'https://zoom.us',
    'https://api.zoom.us',
    'https://1234567.suitetalk.api.netsuite.com',
    'https://acme.okta.com',
  ].map((origin) => `${origin}=${provider.origin}`),
  onLog: (line) => void lines.push(line),
}));

const planted = (name: string) => `planted-${name}-9f31c7`;
const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const pem = privateKey.export({ type: 'pkcs8', format: 'pem' });

/** Accounts with each kind of credentials that an API call can bring. */
const accounts = [
  {
    integration: 'legacy-crm',
    resource: 'crm/contacts',
    credentials: { type: 'api_key', key: planted('api-key') },
  },
  {
    integration: 'zendesk',
    resource: 'ticketing/tickets',
    context: { subdomain: 'acme' },
    credentials: { type: 'basic', username: 'agent@example.com/token', password: planted('password') },
  },
  {
    integration: 'hubspot',
    resource: 'crm/contacts',
    context: { portal_id: '62515' },
    credentials: { type: 'bearer', token: planted('bearer') },
  },
  {
    integration: 'zoom',
    resource: undefined,
    context: { account_id: 'acme' },
    credentials: {
      type: 'oauth2_client_credentials',
      client_id: 'a-client',
      client_secret: planted('client-secret'),
    },
  },
  {
    integration: 'netsuite',
    resource: 'crm/contacts',
    context: { account_id: '1234567' },
    credentials: {
      type: 'oauth1',
      consumer_key: planted('consumer-key'),
      consumer_secret: planted('consumer-secret'),
      token: planted('oauth1-token'),
      token_secret: planted('token-secret'),
    },
  },
  {
    integration: 'okta',
    resource: undefined,
    context: { org_url: 'https://acme.okta.com' },
    credentials: { type: 'oauth2_jwt_bearer', client_id: 'a-client', private_key: pem },
  },
] as const;

/** What must be nowhere: the values themselves, and what is sent of them. */
const secrets = [
  ...['api-key', 'password', 'bearer', 'client-secret', 'consumer-secret', 'oauth1-token', 'token-secret'].map(planted),
  ...['vendor-secret', 'access-token', 'refresh-token', 'code'].map(planted),
  Buffer.from(`agent@example.com/token:${planted('password')}`).toString('base64'),
  Buffer.from(`a-client:${planted('client-secret')}`).toString('base64'),
  (pem as string).split('\n')[5] as string,
];

/** Everything that a provider can do to make the engine tell what it sent. */
const failures: Readonly<Record<string, Answering>> = {
  'refuses with 401': (request, response) => answerJson(response, echoOf(request), 401),
  'refuses with 403': (request, response) => answerJson(response, echoOf(request), 403),
  'says that the request is wrong': (request, response) => answerJson(response, echoOf(request), 400),
  'has an error': (request, response) => answerJson(response, echoOf(request), 500),
  'sends no JSON': (request, response) =>
    void response.writeHead(200, { 'content-type': 'application/json' }).end(`oops ${echoOf(request).echo}`),
  'sends an HTML page': (request, response) =>
    void response.writeHead(200, { 'content-type': 'text/html' }).end(`<html>${echoOf(request).echo}</html>`),
  'leads elsewhere': (request, response) =>
    void response.writeHead(302, { location: `http://127.0.0.1:1/?${encodeURIComponent(echoOf(request).echo)}` }).end(),
  'hangs up': (_, response) => void response.destroy(),
  'slows down': (request, response) => {
    response.setHeader('retry-after', '1');
    answerJson(response, echoOf(request), 429);
  },
};

function echoOf({ headers, body }: Parameters<Answering>[0]) {
  const echo = JSON.stringify({ headers, body });
  return { error: echo, error_description: echo, message: echo, errors: [{ message: echo, code: echo }], echo };
}

test('planted secrets are nowhere, however the provider fails (invariant 10)', async () => {
  const { call, engine, eventually } = running();
  const answers: string[] = [];
  const note = async (...[method, path, body]: Parameters<typeof call>) => {
    const answer = await call(method, path, body);
    answers.push(JSON.stringify([path, answer.status, answer.body, Object.fromEntries(answer.headers)]));
    return answer;
  };
  const ids: string[] = [];
  // A fault of the moment stops no account, so each is stored.
  provider.answer(failures['has an error'] as Answering);
  for (const { integration, resource: _, ...rest } of accounts) {
    const created = await note('POST', '/v1/accounts', {
      tenant: 'planted',
      integration,
      secrets:
        integration === 'hubspot' || integration === 'okta' || integration === 'zoom'
          ? {}
          : { signing_secret: 's3cret' },
      ...rest,
    });
    expect(created.status, JSON.stringify(created.body)).toBe(201);
    ids.push(created.body.id);
  }
  await consent(note);
  for (const [name, failure] of Object.entries(failures)) {
    provider.answer(failure);
    for (const [place, { resource, credentials, integration }] of accounts.entries()) {
      const path = `/v1/accounts/${ids[place]}`;
      if (resource !== undefined) {
        await note('GET', `${path}/records/${resource}/1`);
        await note('GET', `${path}/records/${resource}`);
      }
      // New credentials are tried, and refused or stored.
      await note('PATCH', path, { credentials });
      expect(provider.requests.length, `${integration} ${name}`).toBeGreaterThan(0);
    }
  }
  for (const path of [
    'accounts',
    'audit',
    'events',
    'stats',
    'tenants/planted/export',
    'integrations',
    'integrations/hubspot/settings',
  ])
    await note('GET', `/v1/${path}${path.includes('/') ? '' : '?tenant=planted'}`);
  for (const id of ids) for (const more of ['', '/limits']) await note('GET', `/v1/accounts/${id}${more}`);
  await eventually(async () => {
    const told = await note('GET', '/v1/events?tenant=planted&types=account.*');
    return told.body.data.length > 0;
  });

  const found = (where: string, text: string) =>
    secrets
      .filter((secret) => text.includes(secret))
      .map((secret) => `${where}: ${secret.slice(0, 40)}: ${text.slice(0, 300)}`);
  expect(lines.length).toBeGreaterThan(10);
  expect(answers.flatMap((text) => found('an answer', text))).toEqual([]);
  expect(lines.flatMap(({ text }) => found('a log', text))).toEqual([]);
  expect((await rowsOf(engine)).flatMap((text) => found('a row', text))).toEqual([]);
  expect((await messagesOf(engine)).flatMap((text) => found('a message', text))).toEqual([]);
});

/** Connect an account of HubSpot by the consent of its owner; the provider then refuses the token. */
async function consent(note: ReturnType<typeof running>['call']) {
  await note('PUT', '/v1/integrations/hubspot/settings', {
    client: { client_id: 'vendor', client_secret: planted('vendor-secret') },
  });
  const created = await note('POST', '/v1/accounts', { tenant: 'planted', integration: 'hubspot' });
  const started = await note('POST', `/v1/accounts/${created.body.id}/connect`, {
    return_url: 'http://localhost:3000/connected',
  });
  expect(started.status, JSON.stringify(started.body)).toBe(200);
  const state = new URL(started.body.url).searchParams.get('state') ?? '';
  provider.answer(({ path }, response) =>
    path.includes('token')
      ? answerJson(response, {
          access_token: planted('access-token'),
          refresh_token: planted('refresh-token'),
          expires_in: 1,
          hub_id: 1,
        })
      : answerJson(response, { portalId: 1 }),
  );
  const callback = `${running().engine.url}/connect/hubspot/callback?code=${planted('code')}&state=${state}`;
  const landed = await fetch(callback, { redirect: 'manual' });
  expect(landed.status).toBe(302);
  const path = `/v1/accounts/${created.body.id}`;
  expect((await note('GET', path)).body).toMatchObject({ credentials: { type: 'oauth2' } });
  // The token has expired: each read asks for another one.
  for (const failure of Object.values(failures)) {
    provider.answer(failure);
    await note('GET', `${path}/records/crm/contacts/1`);
  }
}

async function rowsOf(engine: ReturnType<typeof running>['engine']): Promise<readonly string[]> {
  const dynamo = new DynamoDBClient(engine.clientConfig('dynamodb'));
  const texts: string[] = [];
  for (const { name } of engine.resources.filter(({ type }) => type === 'AWS::DynamoDB::Table')) {
    const { Items = [] } = await dynamo.send(new ScanCommand({ TableName: name }));
    for (const item of Items) texts.push(JSON.stringify(item));
  }
  dynamo.destroy();
  expect(texts.length).toBeGreaterThan(accounts.length);
  return texts;
}

async function messagesOf(engine: ReturnType<typeof running>['engine']): Promise<readonly string[]> {
  const sqs = new SQSClient(engine.clientConfig('sqs'));
  const texts: string[] = [];
  const { QueueUrls = [] } = await sqs.send(new ListQueuesCommand({}));
  for (const url of QueueUrls) {
    const { Messages = [] } = await sqs.send(new ReceiveMessageCommand({ QueueUrl: url, MaxNumberOfMessages: 10 }));
    for (const { Body = '', MessageAttributes } of Messages) texts.push(`${Body} ${JSON.stringify(MessageAttributes)}`);
  }
  sqs.destroy();
  return texts;
}
