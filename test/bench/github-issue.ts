import { createHmac } from 'node:crypto';

/** What people write, as often as it takes. */
const text =
  'Since the release of Thursday, the total of an order is sometimes a cent away from the sum of its lines. Each line is rounded when it is read from the basket, and the sum is rounded again when the invoice is drawn up, so that an error of half a cent grows with the number of lines. ';

/** Body of GitHub's `issues.opened`, of just so many bytes; what is left of them is filled with the report's text. */
export function githubIssue(id: number, bytes: number): string {
  const withText = (length: number) =>
    JSON.stringify({
      action: 'opened',
      issue: {
        id,
        number: id,
        title: `The total of an order is a cent away (${id})`,
        body: text.repeat(Math.ceil(length / text.length)).slice(0, length),
        state: 'open',
        state_reason: null,
        html_url: `https://github.com/northwind/orders/issues/${id}`,
        labels: [{ id: 11, name: 'bug' }],
        assignees: [],
        user: { id: 7, login: 'ada', html_url: 'https://github.com/ada' },
        created_at: '2026-11-22T12:00:00Z',
        updated_at: '2026-11-22T12:00:00Z',
        closed_at: null,
      },
      repository: { id: 1, full_name: 'northwind/orders', html_url: 'https://github.com/northwind/orders' },
      sender: { id: 7, login: 'ada', html_url: 'https://github.com/ada' },
    });
  return withText(Math.max(0, bytes - withText(0).length));
}

/** Headers that GitHub sends with a body. */
export function githubHeaders(id: number, body: string, secret: string): Readonly<Record<string, string>> {
  return {
    'content-type': 'application/json',
    'user-agent': 'GitHub-Hookshot/7e0c6a1',
    'x-github-event': 'issues',
    'x-github-delivery': `delivery-${id}`,
    'x-hub-signature-256': `sha256=${createHmac('sha256', secret).update(body).digest('hex')}`,
  };
}
