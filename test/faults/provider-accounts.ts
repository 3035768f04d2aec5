import { createHmac, randomUUID } from 'node:crypto';
import { type Answering, answerJson } from '../e2e/provider-stand-in.ts';
import { type FaultRun, signingSecret, type TestAccount, type Webhook } from './fault-run.ts';

/** An account whose webhooks name a record, and whose records its provider tells. */
export interface ReadAccount extends TestAccount {
  /** Change a record at the provider. @returns The webhook that names it, and expects its event. */
  change(id: number, options?: { readonly webhooks?: number }): Webhook;
}

/** The provider's state of a record. */
const nameOf = (id: number, changes: number) => `Record ${id} after ${changes}`;
const changedAt = (changes: number) => `2026-11-20T10:${String(changes).padStart(2, '0')}:00Z`;

function createRecords() {
  const changes = new Map<number, number>();
  return {
    change(id: number): number {
      const next = (changes.get(id) ?? 0) + 1;
      changes.set(id, next);
      return next;
    },
    changesOf: (id: number) => changes.get(id) ?? 1,
  };
}

/** An account of the CRM, with a key. Its webhooks carry the id alone. */
export async function crmAccount(
  run: FaultRun,
  kind: 'contact' | 'company',
  options: Readonly<Record<string, unknown>> = {},
): Promise<ReadAccount & { readonly key: (name: string) => object; refuse(name: string): void }> {
  const records = createRecords();
  const plural = kind === 'contact' ? 'contacts' : 'companies';
  const refused = new Set<string>();
  const key = (name: string) => ({ type: 'api_key', key: `${run.tenant}_${name}` });
  const row = (id: number) => {
    const name = nameOf(id, records.changesOf(id));
    const changed = changedAt(records.changesOf(id));
    return kind === 'contact' ? { contact_id: id, first: name, changed } : { company_id: id, name, changed };
  };
  run.provider.answerWith(({ path, query, headers }, response) => {
    if (refused.has(String(headers['x-api-key']))) return answerJson(response, { error: { code: 'KEY' } }, 401);
    if (path === '/v1/users/me') return answerJson(response, { user_id: 5 });
    if (query.has('ids'))
      return answerJson(response, { rows: (query.get('ids') ?? '').split(',').map(Number).map(row) });
    const [, , , id] = path.split('/');
    if (id !== undefined) return answerJson(response, { row: row(Number(id)) });
    const page = Number(query.get('page') ?? 1);
    return answerJson(response, { rows: [row(2 * page - 1), row(2 * page)], more: page < 2 });
  });
  const account = await run.account('legacy-crm', { credentials: key('first'), ...options });
  return {
    ...account,
    key,
    refuse: (name) => void refused.add(`${run.tenant}_${name}`),
    change(id, { webhooks = 1 } = {}) {
      const changes = records.change(id);
      return {
        url: account.url,
        body: JSON.stringify({
          action: 'update',
          object: kind,
          data: { [`${kind}_id`]: id },
          ts: Date.parse(changedAt(changes)) / 1000,
        }),
        headers: (_, body) => ({
          'x-legacy-signature': createHmac('sha256', signingSecret).update(body).digest('hex'),
        }),
        // Expected once for the record, however many webhooks tell of it.
        events:
          changes === webhooks
            ? [
                {
                  account: account.id,
                  resource: `crm/${plural}`,
                  recordId: String(id),
                  atMost: webhooks,
                  title: nameOf(id, changes),
                },
              ]
            : [],
      };
    },
  };
}

/** The life of an access token. */
const tokenLifeMs = 10 * 60_000;

/** A token endpoint whose refresh tokens work once: a second use revokes them all, as providers do. */
export function createTokenEndpoint(run: FaultRun) {
  const uses = new Map<string, number>();
  let issued = 0;
  let live = { access: '', refresh: '' };
  const issue = () => {
    issued += 1;
    live = { access: `${run.tenant}_access_${issued}`, refresh: `${run.tenant}_refresh_${issued}` };
    return live;
  };
  return {
    issue,
    /** How often each refresh token, or each code, was used. */
    uses: uses as ReadonlyMap<string, number>,
    isValid: (access: string) => access === live.access,
    grant: (form: URLSearchParams) => {
      const used = form.get('refresh_token') ?? form.get('code') ?? '';
      uses.set(used, (uses.get(used) ?? 0) + 1);
      const isRefused = (uses.get(used) ?? 0) > 1 || (form.has('refresh_token') && used !== live.refresh);
      if (isRefused) live = { access: '', refresh: '' };
      return isRefused ? undefined : issue();
    },
  };
}

type TokenEndpoint = ReturnType<typeof createTokenEndpoint>;

/** Answer requests for tokens, and refuse calls without a valid one. */
export function answerWithTokens(tokens: TokenEndpoint, more: object, answer: Answering): Answering {
  return (request, response) => {
    if (!/\/tokens?$/.test(request.path)) {
      const access = String(request.headers['authorization']).replace(/^Bearer /, '');
      if (tokens.isValid(access)) return answer(request, response);
      return answerJson(response, { error: 'invalid_token' }, 401);
    }
    const token = tokens.grant(new URLSearchParams(request.body));
    if (token === undefined) return answerJson(response, { error: 'invalid_grant' }, 400);
    return answerJson(response, {
      access_token: token.access,
      refresh_token: token.refresh,
      token_type: 'bearer',
      expires_in: tokenLifeMs / 1000,
      ...more,
    });
  };
}

/** Zendesk with a token that has expired, and a refresh token that works once. */
export async function expiredDesk(
  run: FaultRun,
): Promise<ReadAccount & { readonly tokens: TokenEndpoint; newCredentials(): object }> {
  await run.call('PUT', '/v1/integrations/zendesk/settings', {
    client: { client_id: 'vendor', client_secret: 'client-secret' },
  });
  const tokens = createTokenEndpoint(run);
  const records = createRecords();
  const ticket = (id: number) => {
    const changes = records.changesOf(id);
    return { id, subject: nameOf(id, changes), status: 'open', updated_at: changedAt(changes) };
  };
  run.provider.answerWith(
    answerWithTokens(tokens, {}, ({ path, query }, response) => {
      if (path.endsWith('/users/me')) return answerJson(response, { user: { id: 1 } });
      if (query.has('ids'))
        return answerJson(response, { tickets: (query.get('ids') ?? '').split(',').map(Number).map(ticket) });
      return answerJson(response, { ticket: ticket(Number(path.split('/').at(-1))) });
    }),
  );
  const newCredentials = () => {
    const { access, refresh } = tokens.issue();
    const expiresAt = new Date(run.nowMs() + tokenLifeMs).toISOString();
    return { type: 'oauth2', access_token: access, refresh_token: refresh, expires_at: expiresAt };
  };
  const account = await run.account('zendesk', { context: { subdomain: 'acme' }, credentials: newCredentials() });
  await run.letTimePass(tokenLifeMs);
  return {
    ...account,
    tokens,
    newCredentials,
    change(id) {
      const changes = records.change(id);
      return {
        url: account.url,
        body: JSON.stringify({
          id: randomUUID(),
          type: 'zen:event-type:ticket.status_changed',
          time: changedAt(changes),
          // The webhook carries a part of the ticket, and another subject than the API.
          detail: { id: String(id), subject: 'As the webhook says', updated_at: changedAt(changes) },
          event: {},
        }),
        headers: (nowMs, body) => {
          const time = new Date(nowMs).toISOString();
          const signature = createHmac('sha256', signingSecret).update(`${time}${body}`).digest('base64');
          return { 'x-zendesk-webhook-signature-timestamp': time, 'x-zendesk-webhook-signature': signature };
        },
        events: [
          {
            account: account.id,
            resource: 'ticketing/tickets',
            recordId: String(id),
            title: nameOf(id, changes),
          },
        ],
      };
    },
  };
}
