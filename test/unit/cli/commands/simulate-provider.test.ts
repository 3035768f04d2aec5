import { expect, test } from 'vitest';
import { until } from '../../local/until.ts';
import { useIntegrationsFolder, writeIntegration } from '../integrations-folder.ts';

const folder = useIntegrationsFolder();

const definition = {
  name: 'desk',
  title: 'Desk',
  docs: 'https://desk.example/docs',
  context: { subdomain: 'Your name.' },
  api: {
    base_url: 'https://{context.subdomain}.desk.example/v2',
    credentials: {
      basic: { username: 'The name.', password: 'The password.' },
      oauth2: { authorize_url: 'https://login.desk.example/authorize', token_url: 'https://login.desk.example/token' },
    },
    limits: [{ name: 'minute', calls: 100, per: '1m' }],
  },
  resources: {
    'ticketing/tickets': {
      map: '{ "id": $string(id), "title": subject }',
      get: { path: '/tickets/{id}', record: 'ticket' },
      list: { path: '/tickets', records: 'tickets' },
    },
    'crm/deals': { map: '{ "id": $string(id) }', list: { path: '/deals', records: 'deals' } },
  },
};

const exchange = {
  resource: 'ticketing/tickets',
  method: 'get',
  id: '7',
  account: { context: { subdomain: 'acme' } },
  exchanges: [
    {
      request: { url: 'https://acme.desk.example/v2/tickets/7' },
      response: { body: { ticket: { id: 7, subject: 'Fire' } } },
    },
  ],
};

function writeDesk(): void {
  folder.write('integrations/desk/integration.yaml', definition);
  folder.write('integrations/desk/exchanges/ticket-get.json', exchange);
}

/** Start the command on a free port; the returned function ends it. */
async function simulate(options: readonly string[]) {
  const interruption = new AbortController();
  let printed = '';
  const running = folder.run(['simulate', 'desk', '--port', '0', '--json', ...options], {
    interruption: () => interruption.signal,
    print: (text) => {
      printed += text;
    },
  });
  await Promise.race([running, until(() => printed !== '')]);
  return {
    printed,
    told: JSON.parse(printed),
    end: async () => {
      interruption.abort();
      const { exitCode, output } = await running;
      return { exitCode, stats: JSON.parse(output) };
    },
  };
}

test('runs a provider until it is interrupted, and tells what an account and the engine need', async () => {
  writeDesk();
  const options = [
    '--records',
    '5',
    '--credential',
    'basic.username=ada',
    '--change-rate',
    '6000',
    '--limit',
    'minute=3',
  ];
  const { told, end } = await simulate(options);
  expect(told).toMatchObject({
    hosts: [`https://acme.desk.example=${told.url}`, `https://login.desk.example=${told.url}`],
    served: ['ticketing/tickets.get', 'ticketing/tickets.list'],
    unserved: [{ name: 'crm/deals.list', reason: 'no exchange shows a record of the resource' }],
    accounts: [
      {
        context: { subdomain: 'acme' },
        credentials: { type: 'basic', username: 'ada', password: 'simulated-password' },
      },
      {
        credentials: { type: 'oauth2', access_token: expect.any(String) },
        client: { client_id: 'simulated-client_id' },
      },
    ],
  });
  const authorization = `Basic ${Buffer.from('ada:simulated-password').toString('base64')}`;
  const call = (path: string) => fetch(`${told.url}${path}`, { headers: { authorization } });
  expect(((await (await call('/v2/tickets')).json()) as { tickets: unknown[] }).tickets.length).toBeGreaterThan(0);
  expect([(await call('/v2/deals')).status, (await call('/v2/tickets/7')).status]).toEqual([501, 200]);
  await call('/v2/tickets');
  expect((await call('/v2/tickets')).status).toBe(429);
  await new Promise((resolve) => setImmediate(resolve));
  const { exitCode, stats } = await end();
  expect(exitCode).toBe(0);
  expect(stats).toMatchObject({ calls: { 'ticketing/tickets.list': 3, unknown: 1 }, refusals: { minute: 1 } });
});

test('brings the faults of polling that are named, with the numbers of other options, and counts them', async () => {
  writeDesk();
  const headers = { authorization: `Basic ${Buffer.from('simulated-username:simulated-password').toString('base64')}` };
  const statusesWith = async (options: readonly string[]) => {
    const { told, end } = await simulate(['--limit', 'minute=100', ...options]);
    const statuses = new Set<number>();
    for (let call = 0; call < 10; call += 1)
      statuses.add((await fetch(`${told.url}/v2/tickets/7`, { headers })).status);
    return { statuses, stats: (await end()).stats };
  };
  const failing = await statusesWith(['--faults', 'clock-skew, partial-failures', '--errors', '100']);
  expect([...failing.statuses].every((status) => status >= 500)).toBe(true);
  expect(failing.stats.faults).toMatchObject({ error: 10, 'clock-skew': 10 });
  const all = await simulate(['--faults', 'all']);
  expect((await all.end()).exitCode).toBe(0);
  const plain = await statusesWith([]);
  expect([...plain.statuses]).toEqual([200]);
  expect(plain.stats.faults).toEqual({});
});

test('shows lines for people', async () => {
  writeDesk();
  const interruption = AbortSignal.abort();
  let printed = '';
  const { output } = await folder.run(['simulate', 'desk', '--port', '0'], {
    interruption: () => interruption,
    print: (text) => {
      printed += text;
    },
  });
  expect(printed).toMatch(/^Desk at http:\/\/127\.0\.0\.1:\d+: 2 calls served\n/);
  expect(printed).toContain('not served: crm/deals.list: no exchange shows a record of the resource');
  expect(printed).toContain('npm start -- --host https://acme.desk.example=http://127.0.0.1:');
  expect(output).toContain('calls, at most 0 at the same time:');
});

test.each([
  [['--records', 'many'], '--records: got "many", expected a number.'],
  [['--errors', '120'], '--errors: got 120, expected at most 100 per cent.'],
  [['--latency', '5-'], '--latency: got "5-", expected milliseconds such as 50 or 50-200.'],
  [
    ['--faults', 'page-drift,late-commit'],
    '--faults: there is no fault "late-commit". Did you mean "late-commits"? Expected all, late-commits, equal-timestamps, page-drift, repeated-pages, partial-failures, rate-storms, clock-skew, expiring-tokens, wrong-totals, capped-results, disappearing-fields.',
  ],
  [['--limit', 'minuet=3'], '--limit: there is no limit "minuet". Did you mean "minute"?'],
  [['--limit', 'minute'], '--limit: got "minute", expected <name>=<value>.'],
  [['--credential', 'username=ada'], '--credential: got "username", expected <kind>.<member>=<value>.'],
  [['--webhooks', 'here'], '--webhooks: got "here", expected an absolute http or https URL.'],
  [['--webhooks', 'http://localhost/in'], 'The definition of "desk" has no `webhook`: its provider sends no requests.'],
])('fails when the options are %j', async (options, message) => {
  writeDesk();
  const { exitCode, output } = await folder.run(['simulate', 'desk', '--port', '0', ...options]);
  expect({ exitCode, output }).toEqual({ exitCode: 2, output: `${message}\n` });
});

test('fails when the definition has no API, and when the port is in use', async () => {
  writeIntegration(folder);
  const { exitCode, output } = await folder.run(['simulate', 'staff']);
  expect({ exitCode, output }).toEqual({
    exitCode: 2,
    output: 'The definition of "staff" has no `api`: nothing calls its provider.\n',
  });
  writeDesk();
  const { told, end } = await simulate([]);
  const port = new URL(told.url).port;
  expect(await folder.run(['simulate', 'desk', '--port', port])).toMatchObject({
    exitCode: 2,
    output: `--port: ${port} is in use; 0 takes a free port.\n`,
  });
  await end();
});
