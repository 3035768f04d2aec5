import { answerJson } from '../e2e/provider-stand-in.ts';
import type { Answer } from './fault-engine.ts';
import type { FaultRun, TestAccount } from './fault-run.ts';
import { answerWithTokens, createTokenEndpoint, crmAccount, expiredDesk } from './provider-accounts.ts';
import { isOfDelivery, type Scenario } from './scenario.ts';

/** How long settings, credentials and clients are remembered. After this time a run reads them itself. */
const rememberedMs = 61_000;
/** Tries of a caller that waits between them; a lease and a window of a limit are over sooner. */
const maxReads = 6;
/** Consents of an owner who begins again. */
const maxConsents = 5;

/** Longer than functions take from a webhook to a read, where nothing fails. */
const soonMs = 4_000;

const everyEvent = { types: ['record:*', 'account.*'] };

/** `webhook` covers ingress and deliveries, and `repeated-call` what the API does for each call. */
const isCovered = (name: string) =>
  isOfDelivery(name) ||
  /^(ingress|provider|poller)\.|^api\.UpdateItem\.limits$|\.(api-keys|audit|subscriptions|tenants)$/.test(name) ||
  /\.(statistics|delivery|drain)$/.test(name);
/** Calls that change something, or that tell of it. */
const isWrite = (name: string) => !/\.(Query|GetItem|BatchGetItem)\./.test(name);

/** Paths to providers. */
export const providerScenarios: Readonly<Record<string, Scenario>> = {
  /** A thin webhook: enrich reads the record, and publishes it in full. */
  enrichment: {
    async play(run) {
      const account = await crmAccount(run, 'contact');
      await run.subscriber();
      await run.letTimePass(rememberedMs);
      run.faultsBegin();
      await run.send(account.change(1042));
    },
    isAlike: isCovered,
  },

  /** Two thin webhooks of one record: the second one comes while the first one's read is on its way. */
  'enrichment-of-one-record': {
    async play(run) {
      const account = await crmAccount(run, 'contact');
      await run.subscriber();
      await run.letTimePass(rememberedMs);
      run.faultsBegin();
      const release = run.provider.hold();
      await run.send(account.change(1042, { webhooks: 2 }));
      await soon(() => run.provider.isHolding());
      await run.send(account.change(1042, { webhooks: 2 }));
      await soon(async () => (await run.readsOf(account)).some(({ count }) => count === 2));
      release();
    },
    // `enrichment` covers the calls of each read.
    isAlike: (name) => isCovered(name) || !isWrite(name) || !/\.(fetches|records|enrich)$/.test(name),
  },

  /** The provider refuses the key: the work waits, the tenant is told, and new credentials let it go on. */
  'enrichment-after-refusal': {
    async play(run) {
      const account = await crmAccount(run, 'contact');
      await run.subscriber(everyEvent);
      await run.letTimePass(rememberedMs);
      account.refuse('first');
      run.faultsBegin();
      await run.send(account.change(1042));
      await run.settle();
      await expectRefused(run, account);
      await renew(run, account, account.key('second'));
      // A fault may leave a gap in the sequence, at which a reader waits.
      await run.letTimePass(rememberedMs);
      const { body } = await run.call('GET', `/v1/events?tenant=${run.tenant}&types=account.*`);
      const types = body.data.map(({ type }: { type: string }) => type).join();
      if (types !== 'account.auth_failed,account.recovered') throw new Error(`the tenant was told ${types}`);
    },
    // `enrichment` covers the reads.
    isAlike: (name) => isCovered(name) || !/\.(credentials|enrich|idempotency|acc)$/.test(name),
  },

  /** A thin webhook needs a token that has expired, and whose refresh token works once. */
  refresh: {
    async play(run) {
      const account = await expiredDesk(run);
      await run.subscriber(everyEvent);
      run.faultsBegin();
      await run.send(account.change(7));
      await run.settle();
      await mendLostToken(run, account);
    },
    // `enrichment` covers what is not of the token.
    isAlike: (name) => !isOfToken(name),
  },

  /** The same for a read through the API. */
  'refresh-of-read': {
    async play(run) {
      const account = await expiredDesk(run);
      await run.subscriber(everyEvent);
      run.faultsBegin();
      const path = `/v1/accounts/${account.id}/records/ticketing/tickets/7`;
      const first = await readUntilAnswered(run, path);
      await run.settle();
      if (first.status === 409) await mendLostToken(run, account);
      const { status, body } = await readUntilAnswered(run, path);
      if (status !== 200 || body.data.title !== 'Record 7 after 1')
        throw new Error(`the read was answered with ${status}: ${JSON.stringify(body)}`);
      checkTokens(run, account.tokens.uses);
    },
    isAlike: (name) => !isOfToken(name) && !name.startsWith('caller.'),
  },

  /** An owner consents. After a failure on the way the owner begins again, and ends connected. */
  connect: {
    async play(run) {
      const client = { client_id: 'vendor', client_secret: 'client-secret' };
      await run.call('PUT', '/v1/integrations/hubspot/settings', { client });
      const tokens = createTokenEndpoint(run);
      run.provider.answerWith(
        answerWithTokens(tokens, { hub_id: run.number }, ({ path }, response) =>
          path.endsWith('/details')
            ? answerJson(response, { portalId: run.number })
            : answerJson(response, { id: '7', properties: { firstname: 'Nadia' }, updatedAt: '2026-11-20T10:00:00Z' }),
        ),
      );
      const account = await run.account('hubspot', { secrets: {} });
      await run.letTimePass(rememberedMs);
      run.faultsBegin();
      await consentUntilConnected(run, account);
      for (const [code, uses] of tokens.uses) if (uses > 1) throw new Error(`10: ${code} was exchanged ${uses} times`);
      const { body } = await run.call('GET', `/v1/accounts/${account.id}`);
      if (body.status !== 'active' || body.credentials?.type !== 'oauth2')
        throw new Error(`the account is ${JSON.stringify(body)}`);
      const read = await readUntilAnswered(run, `/v1/accounts/${account.id}/records/crm/contacts/7`);
      if (read.status !== 200) throw new Error(`the read was answered with ${read.status}`);
    },
    // `unified-read` covers the reads. New credentials look for work of each resource, and of each shard.
    isAlike: (name, number) =>
      isCovered(name) ||
      /^caller\.GET\.|\.(limits|acc)$|^api\.GetItem\./.test(name) ||
      (/\.(fetches|parked-requests)$/.test(name) && number > 1),
  },

  /** One record and the pages of a list, live. */
  'unified-read': {
    async play(run) {
      const account = await crmAccount(run, 'contact');
      await run.letTimePass(rememberedMs);
      run.provider.holdTo({ calls: 120, perMs: 60_000, atOnce: 4 });
      run.faultsBegin();
      const path = `/v1/accounts/${account.id}/records/crm/contacts`;
      const one = await readUntilAnswered(run, `${path}/3`);
      const ids: string[] = [];
      for (let cursor = '', pages = 0; pages < 3; pages += 1) {
        const { status, body } = await readUntilAnswered(run, `${path}?limit=100${cursor}`);
        if (status !== 200) throw new Error(`a page was answered with ${status}: ${JSON.stringify(body)}`);
        for (const { record_id: id, data } of body.data) {
          ids.push(id);
          if (id === '3' && JSON.stringify(data) !== JSON.stringify(one.body.data))
            throw new Error(`the list has ${JSON.stringify(data)}, the read ${JSON.stringify(one.body)}`);
        }
        if (body.next_cursor === null) break;
        cursor = `&cursor=${body.next_cursor}`;
      }
      if (ids.join() !== '1,2,3,4') throw new Error(`the list has ${ids.join()}`);
    },
    isAlike: isCovered,
  },

  /** Reads that use up a limit, and a webhook that takes what is kept for webhooks. */
  budget: {
    async play(run) {
      // Three calls a minute, one of them for webhooks, and one at once.
      const account = await crmAccount(run, 'company', { share: 0.03 });
      await run.subscriber();
      await run.letTimePass(2 * rememberedMs);
      // A caller who comes back in the next minute then does so after the lease of a call, and within its window.
      await run.advance(5_000);
      run.provider.holdTo({ calls: 3, perMs: 60_000, atOnce: 1 });
      run.faultsBegin();
      const read = async (id: number) => {
        const path = `/v1/accounts/${account.id}/records/crm/companies/${id}`;
        const { status, body } = await readUntilAnswered(run, path);
        if (status !== 200) throw new Error(`7: the budget does not recover: ${status} ${JSON.stringify(body)}`);
      };
      await read(1);
      await read(2);
      await run.send(account.change(3));
      await run.untilIdle();
      await read(4);
    },
    isAlike: (name) => isCovered(name) || !/\.limits$|^caller\./.test(name),
  },
};

/** Calls that belong to credentials, and the queue that tells of them. */
const isOfToken = (name: string) => /\.(credentials|credentials-key|enrich)$/.test(name);

/** Read until the provider's answer comes. In between time passes, as for a caller who comes back later. */
async function readUntilAnswered(run: FaultRun, path: string): Promise<Answer> {
  let last: Answer | undefined;
  for (let reads = 0; reads < maxReads; reads += 1) {
    const answer = await run.callOnce('GET', path);
    if (answer !== undefined && answer.status < 500 && answer.status !== 429) return answer;
    last = answer ?? last;
    if (answer !== undefined) await run.letTimePass(1_000);
  }
  throw new Error(`7: no answer in ${maxReads} reads: ${last?.status} ${JSON.stringify(last?.body)}`);
}

async function expectRefused(run: FaultRun, account: TestAccount): Promise<void> {
  const { body } = await run.call('GET', `/v1/accounts/${account.id}`);
  if (body.status !== 'auth_failed' || typeof body.status_reason !== 'string')
    throw new Error(`the account is ${body.status} (${body.status_reason}), not refused`);
}

/** Give an account other credentials. Its tenant is told of the failure, and of its end. */
async function renew(run: FaultRun, account: TestAccount, credentials: object): Promise<void> {
  const changed = await run.call('PATCH', `/v1/accounts/${account.id}`, { credentials });
  if (changed.status !== 200) throw new Error(`new credentials were answered with ${changed.status}`);
  run.expect({ account: 'tributary', resource: 'tributary/accounts', recordId: account.id, atMost: 2 });
  await run.settle();
}

/** A refresher that dies between the provider's answer and its write loses the token: nothing else can be done. */
function mayLoseToken({ planned }: FaultRun): boolean {
  return planned?.kind === 'killed' && /\.GenerateDataKey\./.test(planned.call);
}

function checkTokens(run: FaultRun, uses: ReadonlyMap<string, number>): void {
  for (const [token, times] of uses)
    if (times > 1 && !mayLoseToken(run)) throw new Error(`7: ${token} was used ${times} times`);
}

/** Check that each refresh token was used once, or that the account says that its token was lost. */
async function mendLostToken(run: FaultRun, account: Awaited<ReturnType<typeof expiredDesk>>): Promise<void> {
  checkTokens(run, account.tokens.uses);
  const { body } = await run.call('GET', `/v1/accounts/${account.id}`);
  if (body.status === 'active') return;
  if (!mayLoseToken(run)) throw new Error(`the account is ${body.status} (${body.status_reason})`);
  await expectRefused(run, account);
  await renew(run, account, account.newCredentials());
}

/** Wait until it holds, or a fault keeps it from holding. */
async function soon(holds: () => boolean | Promise<boolean>): Promise<void> {
  const untilMs = performance.now() + soonMs;
  while (performance.now() < untilMs && !(await holds())) await new Promise((resolve) => setTimeout(resolve, 5));
}

/** Consent as an owner does, who reloads a page that failed, and then begins again. */
async function consentUntilConnected(run: FaultRun, account: TestAccount): Promise<void> {
  const body = { return_url: 'http://localhost:3000/connected' };
  for (let consents = 1; consents <= maxConsents; consents += 1) {
    const started = await run.call('POST', `/v1/accounts/${account.id}/connect`, body);
    if (started.status !== 200) throw new Error(`a consent was answered with ${started.status}`);
    const state = new URL(started.body.url).searchParams.get('state') ?? '';
    const path = `/connect/hubspot/callback?code=${run.tenant}_code_${consents}&state=${state}`;
    let page = await run.visit(path);
    const isTaken = page !== undefined && page.status < 500;
    if (!isTaken) page = await run.visit(path);
    if (page?.status !== 302) continue;
    if (page.location !== `${body.return_url}?status=connected&account=${account.id}`)
      throw new Error(`the owner was led to ${page.location}`);
    const again = await run.visit(path);
    if (again !== undefined && again.status !== 400 && again.status < 500)
      throw new Error(`10: a state worked twice: ${again.status}`);
    return;
  }
  throw new Error(`the owner is not connected after ${maxConsents} consents`);
}
