import { createHmac } from 'node:crypto';
import { type Answering, answerJson } from '../e2e/provider-stand-in.ts';
import { type FaultRun, signingSecret, type TestAccount, type Webhook } from './fault-run.ts';
import { createProviderRecords, type ProviderRecord, type ProviderRecords } from './synced-records.ts';

/** An account with one sync, whose records the stand-in serves. */
export interface SyncedAccount extends TestAccount {
  readonly records: ProviderRecords;
  /** How often each page of a listing was asked for, by what it was asked with. */
  readonly fetches: ReadonlyMap<string, number>;
  /** Do not answer from this page on, counted from now; undefined ends it. */
  holdPage(number: number | undefined): void;
  /** Whether a page was asked for that is not answered. */
  isStuck(): boolean;
  /** Leave an existing record out of the listing. */
  hide(id: number): void;
  /** Add the sync; its first run begins at once. */
  sync(timing?: Readonly<Record<string, unknown>>): Promise<void>;
  /** Have it run. @returns The id of the run. */
  run(mode: 'incremental' | 'reconcile'): Promise<string>;
  /** Expect exactly one event for each change of a record. */
  expectEvents(): void;
}

/** Id of the only sync of an account. */
export const syncId = 'polled';
/** Runs come when a path asks for them: the schedule has one a year. */
const seldom = { cron: '0 0 1 1 *', reconcile: 'off' };
/** Rows of a page, whatever size is asked for. */
const pageRows = 4;

interface Listing {
  readonly rows: readonly ProviderRecord[];
  readonly more: boolean;
}

/** Serves the pages of listings, and counts them. */
function createPages() {
  const fetches = new Map<string, number>();
  let held: number | undefined;
  let asked = 0;
  return {
    fetches,
    hold: (number: number | undefined) => {
      [held, asked] = [number, 0];
    },
    isStuck: () => held !== undefined && asked >= held,
    /** @returns Undefined where the provider does not answer. */
    serve: (page: string, all: readonly ProviderRecord[], from: number): Listing | undefined => {
      asked += 1;
      fetches.set(page, (fetches.get(page) ?? 0) + 1);
      if (held !== undefined && asked >= held) return undefined;
      return { rows: all.slice(from, from + pageRows), more: all.length > from + pageRows };
    },
  };
}

type Serve = (page: string, all: readonly ProviderRecord[], from: number) => Listing | undefined;

interface AccountPlan {
  readonly integration: string;
  readonly resource: string;
  readonly credentials: object;
  readonly context?: object;
  readonly secrets?: object;
}

async function createSynced(
  run: FaultRun,
  { integration, resource, ...options }: AccountPlan,
  answering: (serve: Serve, records: ProviderRecords) => Answering,
  count: number,
): Promise<SyncedAccount> {
  const records = createProviderRecords(run.nowMs());
  records.create(count);
  const pages = createPages();
  const hidden = new Set<number>();
  run.provider.answerWith(
    answering(pages.serve, { ...records, existing: () => records.existing().filter(({ id }) => !hidden.has(id)) }),
  );
  const account = await run.account(integration, options);
  const path = `/v1/accounts/${account.id}/syncs`;
  return {
    ...account,
    records,
    fetches: pages.fetches,
    holdPage: pages.hold,
    isStuck: pages.isStuck,
    hide: (id) => void hidden.add(id),
    async sync(timing = {}) {
      const posted = await run.call('POST', path, { id: syncId, resources: [{ resource }], ...seldom, ...timing });
      // An earlier try, whose answer was lost, has made it.
      if (posted.status !== 201 && posted.status !== 409)
        throw new Error(`a sync was answered with ${posted.status}: ${JSON.stringify(posted.body)}`);
    },
    async run(mode) {
      const { status, body } = await run.call('POST', `${path}/${syncId}/run`, { mode });
      if (status !== 202) throw new Error(`a run was answered with ${status}: ${JSON.stringify(body)}`);
      return body.run;
    },
    expectEvents: () => records.expectEvents(run, account.id, resource),
  };
}

/** The CRM: changes by time in pages by number, a complete listing, and thin webhooks. */
export async function polledCrm(
  run: FaultRun,
  count: number,
): Promise<SyncedAccount & { change(id: number): Webhook }> {
  const toRow = ({ id, name, changed }: ProviderRecord) => ({ contact_id: id, first: name, changed });
  const plan = {
    integration: 'legacy-crm',
    resource: 'crm/contacts',
    credentials: { type: 'api_key', key: `${run.tenant}_key` },
  };
  const account = await createSynced(
    run,
    plan,
    (serve, records) =>
      ({ path, query }, response) => {
        if (path === '/v1/users/me') return answerJson(response, { user_id: 5 });
        const ids = query.get('ids') ?? path.split('/')[3];
        if (ids !== undefined) {
          const found = ids.split(',').flatMap((id) => records.get(Number(id)) ?? []);
          const rows = found.filter(({ isRemoved }) => !isRemoved).map(toRow);
          if (query.has('ids')) return answerJson(response, { rows });
          return rows[0] === undefined ? void response.writeHead(404).end() : answerJson(response, { row: rows[0] });
        }
        const sinceMs = Number(query.get('changed_since')) * 1_000;
        // The CRM says nothing of deleted records.
        const all = query.has('order')
          ? records.byChange().filter(({ changed, isRemoved }) => !isRemoved && Date.parse(changed) >= sinceMs)
          : records.existing();
        const page = serve(query.toString(), all, (Number(query.get('page') ?? 1) - 1) * pageRows);
        if (page === undefined) return;
        return answerJson(response, { rows: page.rows.map(toRow), more: page.more });
      },
    count,
  );
  return {
    ...account,
    change(id) {
      const { changed } = account.records.change(id);
      return {
        url: account.url,
        body: JSON.stringify({
          action: 'update',
          object: 'contact',
          data: { contact_id: id },
          ts: Date.parse(changed) / 1_000,
        }),
        headers: (_, body) => ({
          'x-legacy-signature': createHmac('sha256', signingSecret).update(body).digest('hex'),
        }),
        events: [],
      };
    },
  };
}

/** Pipedrive: changes by time with a row for each deleted record, in pages by a cursor. */
export async function polledPersons(run: FaultRun, count: number): Promise<SyncedAccount> {
  const plan = {
    integration: 'pipedrive',
    resource: 'crm/contacts',
    credentials: { type: 'api_key', key: `${run.tenant}_key` },
    context: { company_domain: 'acme' },
    secrets: { username: 'pipedrive', password: signingSecret },
  };
  return createSynced(
    run,
    plan,
    (serve, records) =>
      ({ path, query }, response) => {
        if (path.endsWith('/users/me')) return answerJson(response, { success: true, data: { id: 5 } });
        const sinceMs = Date.parse(query.get('updated_since') ?? '');
        const all = records.byChange().filter(({ changed }) => Date.parse(changed) >= sinceMs);
        const from = Number(query.get('cursor') ?? 0);
        const page = serve(query.toString(), all, from);
        if (page === undefined) return;
        const data = page.rows.map(({ id, name, changed, isRemoved }) => ({
          id,
          name,
          update_time: changed,
          is_deleted: isRemoved,
        }));
        const next = page.more ? String(from + pageRows) : null;
        return answerJson(response, { success: true, data, additional_data: { next_cursor: next } });
      },
    count,
  );
}

const graph = 'https://graph.microsoft.com/v1.0/users';
/** Longer than any run, so that no token is refreshed. */
const tokenLifeMs = 365 * 86_400_000;

/** Microsoft Graph: users in a feed whose token can expire, and a complete listing. */
export async function polledUsers(
  run: FaultRun,
  count: number,
): Promise<SyncedAccount & { /** No token of before works any more. */ expireTokens(): void }> {
  let generation = 1;
  const toUser = ({ id, name, isRemoved }: ProviderRecord) =>
    isRemoved ? { id: String(id), '@removed': { reason: 'deleted' } } : { id: String(id), displayName: name };
  const plan = {
    integration: 'msgraph',
    resource: 'identity/users',
    credentials: {
      type: 'oauth2',
      access_token: `${run.tenant}_access`,
      expires_at: new Date(run.nowMs() + tokenLifeMs).toISOString(),
    },
    context: { tenant_id: `directory-${run.number}` },
    secrets: { client_state: signingSecret },
  };
  const account = await createSynced(
    run,
    plan,
    (serve, records) =>
      ({ path, query }, response) => {
        if (path.endsWith('/organization')) return answerJson(response, { value: [{ id: '1' }] });
        if (query.has('$filter')) {
          const ids = [...(query.get('$filter') ?? '').matchAll(/'(\d+)'/g)].map(([, id]) => Number(id));
          const value = records.existing().filter(({ id }) => ids.includes(id));
          return answerJson(response, { value: value.map(toUser) });
        }
        const [, , , part] = path.split('/');
        if (part !== undefined && part !== 'delta') {
          const one = records.get(Number(part));
          return one === undefined || one.isRemoved
            ? answerJson(response, { error: { code: 'Request_ResourceNotFound' } }, 404)
            : answerJson(response, toUser(one));
        }
        const isDelta = part === 'delta';
        // Where the pages began, and how far they are.
        const [of = String(generation), since = '', offset = '0'] = (query.get('$token') ?? '')
          .split('|')
          .filter((text, _, all) => all.length > 1 || text !== '');
        if (isDelta && of !== String(generation))
          return answerJson(response, { error: { code: 'resyncRequired' } }, 410);
        const all = !isDelta
          ? records.existing()
          : records.byChange().filter(({ changed, isRemoved }) => (since === '' ? !isRemoved : changed > since));
        const page = serve(`${path}?${query.toString()}`, all, Number(offset));
        if (page === undefined) return;
        const link = (text: string) => `${graph}${isDelta ? '/delta' : ''}?$token=${encodeURIComponent(text)}`;
        const last = records.byChange().at(-1)?.changed ?? '';
        return answerJson(response, {
          value: page.rows.map(toUser),
          ...(page.more ? { '@odata.nextLink': link(`${of}|${since}|${Number(offset) + pageRows}`) } : {}),
          ...(isDelta && !page.more ? { '@odata.deltaLink': link(`${of}|${last}|0`) } : {}),
        });
      },
    count,
  );
  return {
    ...account,
    expireTokens() {
      generation += 1;
    },
  };
}
