import { createHmac, timingSafeEqual } from 'node:crypto';
import type { WebhookRequest } from '../../lambdas/engine/request/webhook-request.ts';
import { readSamples } from '../../lib/definitions/samples.ts';
import { issueText } from './github-issue.ts';
import type { Contender } from './measure-interleaved.ts';

/** A signed request, and the secret of its signature. */
export interface SignedEvent {
  readonly request: WebhookRequest;
  readonly secrets: Readonly<Record<string, string>>;
}

/** An unsigned request of a provider, and the minimum that a receiver written only for it would do. */
export interface ProviderEvent {
  readonly integration: string;
  readonly title: string;
  readonly request: WebhookRequest;
  /** Compute the MAC, compare it and parse, without validation or mapping. */
  readonly bare: (event: SignedEvent) => Contender;
}

/** The event of the budget, and others with different bodies and signatures. */
export function providerEvents(integrations: URL): { budgeted: ProviderEvent; others: readonly ProviderEvent[] } {
  const sample = (integration: string, name: string): WebhookRequest => {
    const found = readSamples(integrations, integration).find((one) => one.name === name);
    if (found === undefined) throw new Error(`integrations/${integration} has no sample "${name}"`);
    return found.request;
  };
  return {
    budgeted: {
      integration: 'github',
      title: 'GitHub, JSON',
      request: asGitHubSends(sample('github', 'issues-opened')),
      bare: bareGitHub,
    },
    others: [
      {
        integration: 'twilio',
        title: 'Twilio, form',
        request: sample('twilio', 'message-received'),
        bare: bareTwilio,
      },
      {
        integration: 'jira',
        title: 'Jira, JWT',
        request: sample('jira', 'issue-updated-oauth'),
        bare: bareJira,
      },
      {
        integration: 'adyen',
        title: 'Adyen, two signed items',
        request: sample('adyen', 'capture-and-refund'),
        bare: bareAdyen,
      },
    ],
  };
}

/** The sample's issue with a long report, in a request with all its headers. */
function asGitHubSends({ headers, body, ...request }: WebhookRequest): WebhookRequest {
  const event = JSON.parse(body.toString()) as { readonly issue: object };
  return {
    ...request,
    headers: {
      accept: '*/*',
      'content-type': 'application/json',
      'user-agent': 'GitHub-Hookshot/7e0c6a1',
      'x-amzn-trace-id': 'Root=1-6920a3c0-5f0c6a109d3411f08f5a3a6b',
      'x-forwarded-for': '192.0.2.17',
      'x-forwarded-port': '443',
      'x-forwarded-proto': 'https',
      'x-github-hook-id': '500700310',
      'x-github-hook-installation-target-id': '700310',
      'x-github-hook-installation-target-type': 'repository',
      'x-hub-signature': 'sha1=0f0c6a109d3411f08f5a3a6bd1f0c00180a0b1c2',
      ...headers,
    },
    body: Buffer.from(
      JSON.stringify({ ...event, issue: { ...event.issue, body: issueText }, installation: { id: 60700310 } }),
    ),
  };
}

function bareGitHub({ request, secrets }: SignedEvent): Contender {
  const secret = secrets['signing_secret'] ?? '';
  return () => {
    const signature = Buffer.from(request.headers['x-hub-signature-256']?.slice('sha256='.length) ?? '', 'hex');
    expectEqual(createHmac('sha256', secret).update(request.body).digest(), signature);
    return JSON.parse(request.body.toString('utf8'));
  };
}

function bareTwilio({ request, secrets }: SignedEvent): Contender {
  const secret = secrets['signing_secret'] ?? '';
  return () => {
    const form = Object.fromEntries(new URLSearchParams(request.body.toString('utf8')));
    const mac = createHmac('sha1', secret).update(request.url);
    for (const name of Object.keys(form).sort()) mac.update(`${name}${form[name]}`);
    expectEqual(mac.digest(), Buffer.from(request.headers['x-twilio-signature'] ?? '', 'base64'));
    return form;
  };
}

function bareJira({ request, secrets }: SignedEvent): Contender {
  const secret = secrets['signing_secret'] ?? '';
  return () => {
    const token = request.headers['authorization']?.slice('Bearer '.length) ?? '';
    const [head = '', claims = '', signature = ''] = token.split('.');
    expectEqual(createHmac('sha256', secret).update(`${head}.${claims}`).digest(), Buffer.from(signature, 'base64url'));
    return [JSON.parse(Buffer.from(claims, 'base64url').toString('utf8')), JSON.parse(request.body.toString('utf8'))];
  };
}

interface AdyenItem {
  readonly [name: string]: string | undefined;
}

function bareAdyen({ request, secrets }: SignedEvent): Contender {
  const key = Buffer.from(secrets['signing_secret'] ?? '', 'hex');
  return () => {
    const notification = JSON.parse(request.body.toString('utf8')) as {
      readonly notificationItems: readonly {
        readonly NotificationRequestItem: AdyenItem & {
          readonly amount: { readonly value: number; readonly currency: string };
          readonly additionalData: { readonly hmacSignature: string };
        };
      }[];
    };
    for (const { NotificationRequestItem: item } of notification.notificationItems) {
      const { value, currency } = item.amount;
      const signed = `${item['pspReference']}:${item['originalReference']}:${item['merchantAccountCode']}:${item['merchantReference']}:${value}:${currency}:${item['eventCode']}:${item['success']}`;
      expectEqual(
        createHmac('sha256', key).update(signed).digest(),
        Buffer.from(item.additionalData.hmacSignature, 'base64'),
      );
    }
    return notification;
  };
}

function expectEqual(expected: Buffer, signature: Buffer): void {
  if (!timingSafeEqual(expected, signature)) throw new Error('the signature does not match the request');
}
