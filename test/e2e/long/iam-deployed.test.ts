import { createHmac } from 'node:crypto';
import { cp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { localAdminKey, seedApiKey } from '../../../lib/local/admin-key.ts';
import { startLocalEngine } from '../../../lib/local/engine.ts';
import { synthesizeLocalAssembly } from '../../../lib/local/synthesize.ts';
import { until } from '../../unit/local/until.ts';

interface PolicyStatement {
  Action: string | string[];
  Resource: unknown;
}
interface DeployedTemplate {
  Resources: Record<string, { Type: string; Properties: { PolicyDocument: { Statement: PolicyStatement[] } } }>;
}

/** What an engine logged while it handled one webhook, and how many of its events the feed returns. */
interface Handled {
  readonly logs: readonly string[];
  readonly events: number;
}

// Inside the project, so that bundles find their external modules.
const folder = fileURLToPath(new URL(`../../../.cache/iam-${process.pid}`, import.meta.url));
let stackName: string;

beforeAll(async () => {
  ({ stackName } = await synthesizeLocalAssembly(join(folder, 'deployed')));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

let copies = 0;
/** A copy of the assembly that lacks one grant: one action of one role on the resource with this logical id. */
async function withoutGrant(role: string, action: string, resource: string): Promise<string> {
  const assemblyDir = join(folder, `copy-${++copies}`);
  await cp(join(folder, 'deployed'), assemblyDir, { recursive: true });
  const path = join(assemblyDir, `${stackName}.template.json`);
  const template = JSON.parse(await readFile(path, 'utf8')) as DeployedTemplate;
  let removed = 0;
  for (const [logicalId, { Type, Properties }] of Object.entries(template.Resources)) {
    if (Type !== 'AWS::IAM::Policy' || !logicalId.startsWith(role)) continue;
    for (const statement of Properties.PolicyDocument.Statement) {
      const actions = [statement.Action].flat();
      if (!actions.includes(action) || !JSON.stringify(statement.Resource).includes(`"${resource}`)) continue;
      statement.Action = actions.filter((one) => one !== action);
      removed += 1;
    }
  }
  expect(removed).toBe(1);
  await writeFile(path, JSON.stringify(template));
  return assemblyDir;
}

/** Start an engine, send it one signed webhook and wait until `isOver` holds. */
async function handleWebhook(assemblyDir: string, isOver: (handled: Handled) => boolean): Promise<Handled> {
  const logs: string[] = [];
  const engine = await startLocalEngine({ assemblyDir, stackName, port: 0, onLog: ({ text }) => logs.push(text) });
  onTestFinished(() => engine.stop());
  await seedApiKey(engine, localAdminKey, null);
  const headers = { authorization: `Bearer ${localAdminKey}`, 'content-type': 'application/json' };
  const account = await fetch(`${engine.url}/v1/accounts`, {
    method: 'POST',
    headers,
    body: JSON.stringify({ tenant: 'acme', integration: 'github', secrets: { signing_secret: 's3cret' } }),
  });
  const { webhook_url: url } = (await account.json()) as { webhook_url: string };
  const body = JSON.stringify({
    action: 'opened',
    issue: { id: 1, number: 1, title: 'One', body: '', state: 'open' },
    repository: { id: 1, full_name: 'northwind/orders' },
  });
  const sent = await fetch(url, {
    method: 'POST',
    body,
    headers: {
      'content-type': 'application/json',
      'x-github-event': 'issues',
      'x-github-delivery': 'delivery-1',
      'x-hub-signature-256': `sha256=${createHmac('sha256', 's3cret').update(body).digest('hex')}`,
    },
  });
  logs.push(`ingress answered ${sent.status}`);
  let events = 0;
  await until(async () => {
    const feed = await fetch(`${engine.url}/v1/events?tenant=acme`, { headers });
    events = ((await feed.json()) as { data: unknown[] }).data.length;
    return isOver({ logs, events });
  });
  return { logs, events };
}

const says = (text: RegExp) => (log: string) => text.test(log);

test('the deployed template grants every permission that a webhook needs to reach the feed', async () => {
  const { logs, events } = await handleWebhook(join(folder, 'deployed'), (handled) => handled.events === 1);
  expect(events).toBe(1);
  expect(logs.filter(says(/not authorized/))).toEqual([]);
});

test('so does the template of a stage whose functions are deployed gradually', async () => {
  const { assemblyDir } = await synthesizeLocalAssembly(join(folder, 'gradual'), undefined, {
    gradualDeployments: true,
  });
  const template = await readFile(join(assemblyDir, `${stackName}.template.json`), 'utf8');
  expect(template).toContain('"CodeDeployLambdaAliasUpdate"');
  const { events } = await handleWebhook(assemblyDir, (handled) => handled.events === 1);
  expect(events).toBe(1);
});

test('fails when normalize lacks dynamodb:BatchWriteItem on events, and publishes nothing', async () => {
  const denial = /not authorized to perform: dynamodb:BatchWriteItem on resource: \S*table\/\S*EventsTable/;
  const assemblyDir = await withoutGrant('Normalize', 'dynamodb:BatchWriteItem', 'EventsTable');
  const { logs, events } = await handleWebhook(assemblyDir, (handled) => handled.logs.some(says(denial)));
  expect(logs).toContain('ingress answered 200');
  expect(events).toBe(0);
});

test('fails when ingress lacks sqs:SendMessage, and acknowledges nothing (invariant 1)', async () => {
  const assemblyDir = await withoutGrant('Ingress', 'sqs:SendMessage', 'RawQueue');
  const { logs } = await handleWebhook(assemblyDir, (handled) => handled.logs.some(says(/ingress answered/)));
  expect(logs.find(says(/ingress answered/))).toMatch(/ 5\d\d$/);
});

test('fails when normalize lacks the key of the tables', async () => {
  const denial = /not authorized to perform: kms:Decrypt on resource: \S*DataKey/;
  const assemblyDir = await withoutGrant('Normalize', 'kms:Decrypt', 'DataKey');
  const { events } = await handleWebhook(assemblyDir, (handled) => handled.logs.some(says(denial)));
  expect(events).toBe(0);
});

test('fails to start when a consumer lacks a grant on its queue', async () => {
  const assemblyDir = await withoutGrant('Deliver', 'sqs:DeleteMessage', 'DeliveryQueue');
  await expect(startLocalEngine({ assemblyDir, stackName, port: 0 })).rejects.toMatchObject({
    code: 'template-not-understood',
    message: expect.stringMatching(/AWS would not poll the queue: .* perform: sqs:DeleteMessage /) as string,
  });
});
