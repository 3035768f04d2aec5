import { createHash, createHmac, generateKeyPairSync, sign } from 'node:crypto';
import { beforeAll, describe, expect, test } from 'vitest';
import { type Answer, useRunningEngine } from '../running-engine.ts';

const running = useRunningEngine();
const [companyA, companyB] = ['7001', '7002'];
const secretOf = (company: string) => `the secret of company ${company}`;

/** A HiBob webhook about an employee of a company. */
function employeeDeleted(company: string, employee: string): string {
  return JSON.stringify({ companyId: Number(company), type: 'employee.deleted', data: { employeeId: employee } });
}

const bobSignature = (body: string, secret: string) => ({
  'bob-signature': createHmac('sha512', secret).update(body).digest('base64'),
});

describe('M3: requests that name unknown keys', () => {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const plaidToken = (kid: string) => {
    const iat = Math.floor(Date.now() / 1000);
    const claims = { iat, request_body_sha256: createHash('sha256').update('{}').digest('hex') };
    const signed = `${encode({ alg: 'ES256', kid })}.${encode(claims)}`;
    return `${signed}.${sign('sha256', Buffer.from(signed), { key: privateKey, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`;
  };
  const uuid = (at: number) => `00000000-0000-4000-8000-${String(at).padStart(12, '0')}`;

  async function plaid(id: string): Promise<(kid: string) => Promise<Answer>> {
    const { call, post } = running();
    const secrets = { client_id: 'client-1', api_secret: 'hidden' };
    const made = await call('POST', '/v1/accounts', { id, tenant: id, integration: 'plaid', secrets });
    expect(made.status).toBe(201);
    return (kid) => post(made.body.webhook_url, '{}', { 'plaid-verification': plaidToken(kid) });
  }

  test('M3: fifty forged requests with fifty key ids cause at most five calls to the provider', async () => {
    const send = await plaid('acc_flooded');
    const answers = await Promise.all(Array.from({ length: 50 }, (_, at) => send(uuid(at))));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([503]));
    // The provider does not answer in this test, so every request gets a 503. Requests that made no call give the
    // reason `key-calls-limited`.
    const limited = answers.filter(({ body }) => body.reason === 'key-calls-limited');
    expect(answers.length - limited.length).toBeLessThanOrEqual(5);
    for (const { headers } of limited) expect(Number(headers.get('retry-after'))).toBeGreaterThan(0);
  });

  test('M3: a malformed key id causes no call to the provider', async () => {
    const send = await plaid('acc_probed');
    for (const kid of ['k1', '../../item/remove', 'x'.repeat(5_000), `${uuid(1)}\n`]) {
      const answer = await send(kid);
      expect([answer.status, answer.body.reason]).toEqual([401, 'key-id-malformed']);
    }
  });
});

describe('Low: hosts of certificates', () => {
  test('Low: no key is fetched from a bucket called "sns"', async () => {
    const { call, post } = running();
    const topic = 'arn:aws:sns:eu-north-1:123456789012:orders';
    const account = { id: 'acc_topic', tenant: 'topic', integration: 'aws-sns', secrets: { topic_arn: topic } };
    const made = await call('POST', '/v1/accounts', account);
    const path = '/SimpleNotificationService-0123456789abcdef0123456789abcdef.pem';
    const sendWith = (SigningCertURL: string) => {
      const message = { Type: 'Notification', MessageId: '1', TopicArn: topic, Message: 'forged' };
      const Timestamp = new Date().toISOString();
      const body = JSON.stringify({ ...message, Timestamp, SignatureVersion: '2', Signature: 'AAAA', SigningCertURL });
      return post(made.body.webhook_url, body);
    };
    for (const url of [
      `https://sns.s3.amazonaws.com${path}`,
      `https://sns.s3-us-west-2.amazonaws.com${path}`,
      `https://sns.amazonaws.com${path}`,
      `https://sns.eu-north-1.amazonaws.com.evil.example${path}`,
      `https://sns.amazonaws.com.evil.com${path}`,
      `http://sns.eu-north-1.amazonaws.com${path}`,
      'https://sns.eu-north-1.amazonaws.com/other.pem',
      `https://sns.eu-north-1.amazonaws.com/?Action=Publish&x=${path}`,
    ])
      expect([url, (await sendWith(url)).body.reason]).toEqual([url, 'url-not-allowed']);
  });
});

describe('Low: tokens of Jira', () => {
  const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const tokenOf = (claims: object) => {
    const signed = `${encode({ alg: 'HS256' })}.${encode(claims)}`;
    return `Bearer ${signed}.${createHmac('sha256', 's3cret').update(signed).digest('base64url')}`;
  };

  test('Low: a captured or endless bearer token is refused', async () => {
    const { account, post } = running();
    const { url } = await account('jira', { tenant: 'jira' });
    const body = JSON.stringify({ webhookEvent: 'jira:issue_deleted', timestamp: 1, issue: { id: '1', key: 'A-1' } });
    const send = async (claims: object) => (await post(url, body, { authorization: tokenOf(claims) })).status;
    const now = Math.floor(Date.now() / 1000);
    expect(await send({ iat: now, exp: now + 180 })).toBe(200);
    expect(await send({ iat: now - 7_200, exp: now + 9_999_999 })).toBe(401);
    expect(await send({ iat: now })).toBe(401);
    expect(await send({ exp: now + 180 })).toBe(401);
    expect(await send({})).toBe(401);
  });
});

// Last in the file: waiting may advance the engine's clock, which the tests above expect to equal this process's.
describe('M6: a customer can only sign for itself', () => {
  beforeAll(async () => {
    const { call } = running();
    // Before the fix, an operator had to set a secret for the shared URL that a customer knows. The API now rejects it.
    await call('PUT', '/v1/integrations/hibob/settings', { secrets: { signing_secret: secretOf(companyA) } });
    for (const [tenant, company] of [
      ['victim', companyB],
      ['attacker', companyA],
    ] as const) {
      const account = { id: `acc_${tenant}`, tenant, integration: 'hibob', context: { company_id: company } };
      const made = await call('POST', '/v1/accounts', { ...account, secrets: { signing_secret: secretOf(company) } });
      if (made.status !== 201) throw new Error(JSON.stringify(made.body));
    }
  });

  const sendAs = (body: string, secret: string): Promise<Answer> => {
    const { engine, post } = running();
    return post(`${engine.url}/in/hibob`, body, bobSignature(body, secret));
  };

  test('M6: customer A cannot use its own secret to send webhooks for the company of customer B at the shared URL', async () => {
    const { subscriber, eventually } = running();
    const victim = await subscriber({ tenant: 'victim' });
    const attacker = await subscriber({ tenant: 'attacker' });

    expect((await sendAs(employeeDeleted(companyB, '13'), secretOf(companyA))).status).toBe(401);
    // A may speak for its own company; the genuine webhook of B still arrives.
    expect((await sendAs(employeeDeleted(companyA, '1'), secretOf(companyA))).status).toBe(200);
    expect((await sendAs(employeeDeleted(companyB, '2'), secretOf(companyB))).status).toBe(200);
    await eventually(() => attacker.callbacks.length > 0 && victim.callbacks.length > 0);
    expect(attacker.callbacks.map(({ event }) => [event['account'], event['record_id']])).toEqual([
      ['acc_attacker', '1'],
    ]);
    expect(victim.callbacks.map(({ event }) => [event['account'], event['record_id']])).toEqual([['acc_victim', '2']]);
  });

  test('M6: a stranger cannot tell which companies are customers', async () => {
    const known = await sendAs(employeeDeleted(companyB, '13'), 'guessed');
    const unknown = await sendAs(employeeDeleted('999999', '13'), 'guessed');
    expect(known.status).toBe(401);
    expect(known.body).toMatchObject({ reason: 'account-unverified' });
    expect([unknown.status, unknown.body]).toEqual([known.status, known.body]);
    expect([...unknown.headers.keys()].sort()).toEqual([...known.headers.keys()].sort());
  });

  test('M6: such an integration rejects a shared secret, which every customer would know', async () => {
    const { call } = running();
    for (const integration of ['adyen', 'docusign', 'hibob', 'line', 'linear', 'salesforce', 'twilio', 'zendesk']) {
      const answer = await call('PUT', `/v1/integrations/${integration}/settings`, { secrets: {} });
      expect([integration, answer.status]).toEqual([integration, 422]);
      expect(answer.body.detail).toContain(`The secrets of "${integration}" belong to its accounts`);
    }
  });
});
