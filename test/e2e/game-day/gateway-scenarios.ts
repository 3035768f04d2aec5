import { createHmac } from 'node:crypto';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { githubIssue } from '../running-engine.ts';
import { webhookOf } from './function-scenarios.ts';
import { type Scenario, type Stage, waitUntil } from './stage.ts';

const times = (count: number) => Array.from({ length: count }, (_, index) => index);

/** In turns, so that the machine is not the limit. */
async function inTurns(count: number, together: number, step: () => Promise<unknown>): Promise<void> {
  for (let done = 0; done < count; done += together) await Promise.all(times(together).map(step));
}

const signed = (secret: string, body: string) => `sha256=${createHmac('sha256', secret).update(body).digest('hex')}`;

/** A provider signs with a new secret that the account does not have. */
const wrongSecret: Scenario = {
  alarms: ['VerificationFailuresAlarm'],
  async provoke(stage) {
    const { url } = await webhookOf(stage);
    // Two periods of five minutes, each with more than fifty failures.
    const send = () => inTurns(55, 11, () => stage.github(url, { secret: 'the new secret' }));
    await send();
    await stage.goOn(5);
    await send();
    return () =>
      stage.call('PATCH', '/v1/accounts/acc_game', { secrets: { signing_secret: ['the new secret', 's3cret'] } });
  },
  placeholders() {
    const folder = mkdtempSync(join(tmpdir(), 'tributary-game-'));
    const body = githubIssue(1);
    const write = (name: string, content: unknown) => {
      writeFileSync(join(folder, name), JSON.stringify(content));
      return join(folder, name);
    };
    return {
      integration: 'github',
      'request file': write('request.json', {
        method: 'POST',
        url: 'https://hooks.example.com/in/github/acc_game',
        headers: {
          'content-type': 'application/json',
          'x-github-event': 'issues',
          'x-github-delivery': 'one',
          'x-hub-signature-256': signed('the new secret', body),
        },
        body,
      }),
      'secrets file': write('secrets.json', { signing_secret: 'the new secret' }),
    };
  },
};

/** An account brings more webhooks than it may. */
const flood: Scenario = {
  alarms: ['RateLimitedAlarm'],
  async provoke(stage) {
    const { url } = await stage.account('github', { tenant: 'flood' });
    await waitUntil(async () => {
      const answers = await Promise.all(times(10).map(() => stage.github(url)));
      return answers.some(({ status }) => status === 429);
    }, 'a webhook is refused');
    return () => undefined;
  },
};

/** A caller goes on with a key that was revoked. */
const revokedKey: Scenario = {
  alarms: ['CredentialsRefusedAlarm'],
  async provoke(stage) {
    const made = await stage.call('POST', '/v1/keys', { name: 'old', tenant: 'game', scopes: ['accounts:read'] });
    await stage.call('DELETE', `/v1/keys/${made.body.id}`);
    await inTurns(110, 11, () => stage.call('GET', '/v1/accounts', undefined, made.body.key ?? made.body.secret));
    return () => undefined;
  },
};

/** A stranger looks for paths. */
const stranger: Scenario = {
  alarms: ['HttpApi/ClientErrorsAlarm'],
  async provoke(stage) {
    const knock = () => inTurns(3_050, 50, async () => (await fetch(`${stage.engine.url}/wp-login.php`)).text());
    await knock();
    await stage.goOn(5);
    await knock();
    return () => undefined;
  },
};

/** Calls of the API are slow, and use up the concurrency of the account: Lambda refuses to run ingress. */
const usedUp: Scenario = {
  alarms: ['AccountConcurrencyAlarm', 'Ingress/ThrottlesAlarm'],
  async provoke(stage) {
    const { url } = await webhookOf(stage);
    const end = stage.faults.begin(({ caller }) => (caller === 'api' ? { kind: 'delayed', delayMs: 400 } : undefined));
    // Two periods of five minutes for the throttles, the last three minutes for the concurrency.
    for (const minutes of [0, 5, 1, 1]) {
      if (minutes > 0) await stage.goOn(minutes);
      const calls = times(accountConcurrency + 5).map(() => stage.call('GET', '/v1/accounts?tenant=game'));
      await waitUntil(async () => (await stage.github(url)).status === 503, 'a webhook is refused');
      await Promise.all(calls);
    }
    return end;
  },
};

/** Of the engine of the game day. */
export const accountConcurrency = 20;

/** Rows of one key are written too often. */
const hotKey: Scenario = {
  alarms: ['TableThrottlesAlarm'],
  async provoke(stage) {
    const end = stage.faults.begin(({ operation, resource }) =>
      operation === 'UpdateItem' && /Limits/.test(resource) ? { kind: 'throttled' } : undefined,
    );
    // Each call of the API counts against its rates, and the SDK tries three times.
    const callOften = () => inTurns(60, 10, () => stage.call('GET', '/v1/accounts?tenant=game'));
    await callOften();
    await stage.goOn(5);
    await callOften();
    return end;
  },
};

/** A receiver sends callbacks back as webhooks. */
const loop: Scenario = {
  alarms: ['HopLimitAlarm'],
  async provoke(stage) {
    const { url } = await stage.account('github', { tenant: 'loop' });
    const relay = await stage.subscriber({ tenant: 'loop' });
    const statuses: number[] = [];
    relay.answer((callback, response) => {
      response.writeHead(204).end();
      void sendBack(stage, url, callback.headers).then((status) => statuses.push(status));
    });
    await stage.github(url);
    await waitUntil(() => statuses.includes(508), 'the loop is cut');
    return () => stage.call('POST', `/v1/subscriptions/${relay.id}/disable`);
  },
};

let sentBack = 0;

async function sendBack(stage: Stage, url: string, headers: Readonly<Record<string, unknown>>): Promise<number> {
  const body = githubIssue(90_000 + ++sentBack);
  const answer = await stage.post(url, body, {
    'tributary-hops': String(headers['tributary-hops']),
    'x-github-event': 'issues',
    'x-github-delivery': `sent-back-${sentBack}`,
    'x-hub-signature-256': signed('s3cret', body),
  });
  return answer.status;
}

export const gatewayScenarios: readonly Scenario[] = [wrongSecret, flood, revokedKey, stranger, usedUp, hotKey, loop];
