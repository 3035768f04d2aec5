import { createHmac } from 'node:crypto';

/** A realistic bug report. It repeats nothing, so that it does not compress better than real text. */
export const issueText = [
  'Since the release of Thursday, the total of an order is sometimes a cent away from the sum of its lines. The warehouse noticed it first: their scanner refuses a parcel whose paper and order differ, and a colleague has to type the order in by hand.',
  '### What happens',
  'An order of 3 items at 0.335 comes to 1.02. Each line is rounded when it is read from the basket, and the sum is rounded again when the invoice is drawn up, so that an error of half a cent grows with the number of lines. The largest that we have seen is 7 cents, in an order of 31 lines.',
  '### What should happen',
  '1.01, as on the page that the customer saw before paying. Only the total is to be rounded, half to even, as the accountants asked for in spring (see #9).',
  '### How to see it',
  '1. Put three of "Pencil, soft (2B)" into a basket.\r\n2. Pay by invoice.\r\n3. Compare the e-mail with the invoice.',
  'Orders that were paid by card are right, perhaps since they take the total from the provider. I have put the numbers of the eleven orders that we know of into the sheet "Rounding"; two of them are still open, and one customer has asked for the cent back that she paid too much in August.',
].join('\r\n\r\n');

/** A person, with the links that GitHub adds. */
const person = (id: number, login: string) => ({
  login,
  id,
  node_id: `MDQ6VXNlcj${id}`,
  avatar_url: `https://avatars.githubusercontent.com/u/${id}?v=4`,
  url: `https://api.github.com/users/${login}`,
  html_url: `https://github.com/${login}`,
  type: 'User',
  site_admin: false,
});

/** The body of GitHub's `issues.opened`, of exactly this many bytes. The report's text fills the rest. */
export function githubIssue(id: number, bytes: number): string {
  const withText = (length: number) =>
    JSON.stringify({
      action: 'opened',
      issue: {
        url: `https://api.github.com/repos/northwind/orders/issues/${id}`,
        repository_url: 'https://api.github.com/repos/northwind/orders',
        id,
        node_id: `I_kwDOB${id}`,
        number: id,
        title: `The total of an order is a cent away (${id})`,
        body: issueText.repeat(Math.ceil(length / issueText.length)).slice(0, length),
        state: 'open',
        state_reason: null,
        html_url: `https://github.com/northwind/orders/issues/${id}`,
        labels: [{ id: 11, name: 'bug', color: 'd73a4a', default: true }],
        assignees: [],
        user: person(8_800_121, 'mira-k'),
        created_at: '2026-11-22T12:00:00Z',
        updated_at: '2026-11-22T12:00:00Z',
        closed_at: null,
      },
      repository: { id: 1, full_name: 'northwind/orders', html_url: 'https://github.com/northwind/orders' },
      sender: person(8_800_121, 'mira-k'),
    });
  return withText(Math.max(0, bytes - withText(0).length));
}

/** The headers that GitHub sends with a body. */
export function githubHeaders(id: number, body: string, secret: string): Readonly<Record<string, string>> {
  return {
    'content-type': 'application/json',
    'user-agent': 'GitHub-Hookshot/7e0c6a1',
    'x-github-event': 'issues',
    'x-github-delivery': `delivery-${id}`,
    'x-hub-signature-256': `sha256=${createHmac('sha256', secret).update(body).digest('hex')}`,
  };
}
