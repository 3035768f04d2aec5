import type { FaultRun } from './fault-run.ts';
import { isOfDelivery, type Scenario } from './scenario.ts';
import { polledCrm, polledPersons, polledUsers, type SyncedAccount, syncId } from './synced-accounts.ts';

/** How long settings, credentials and clients are remembered. After this time a run reads them itself. */
/** Longer than the time for which the definition says that a new user cannot be read. */
const readableMs = 2 * 60_000;
const rememberedMs = 61_000;
/** Longer than functions take from a call to a page, where nothing fails. */
const soonMs = 3_000;
/** Records of an account: three pages. */
const records = 10;

const everyEvent = { types: ['record:*', 'sync.*'] };

/** `webhook` covers deliveries, `repeated-call` what the API does for each call, `enrichment` calls of providers. */
const isCovered = (name: string) =>
  isOfDelivery(name) ||
  /^(ingress|provider|normalize|enrich)\.|^poller\..*\.delivery$/.test(name) ||
  /\.(api-keys|audit|tenants|credentials|credentials-key|statistics|drain|enrich)$/.test(name) ||
  /^api\..*\.(accounts|limits|subscriptions)$/.test(name);
/** `first-sync` covers the calls of the budget. */
const isOfBudget = (name: string) => /^poll\..*\.(limits|accounts|subscriptions)$/.test(name);
/** It also covers how pages are published. */
const isOfPublishing = (name: string) =>
  isOfBudget(name) || /^poll\..*\.(events|idempotency|records|delivery)$|^poll\.BatchGetItem\.Tributary/.test(name);
/** Known records are looked through in 16 shards, twice, and the run is written after each. */
const isOfShards = (name: string, number: number) =>
  (/^poll\.(Query\.records$|BatchGetItem\.)/.test(name) && number > 2) ||
  (name === 'poll.PutItem.syncs' && number > 6 && number % 7 !== 0);

/** Paths of syncs. */
export const syncScenarios: Readonly<Record<string, Scenario>> = {
  /** A sync runs for the first time, over three pages: each record is one event, a snapshot. */
  'first-sync': {
    async play(run) {
      const account = await polledCrm(run, records);
      await run.subscriber();
      await run.letTimePass(rememberedMs);
      run.faultsBegin();
      await account.sync();
      await run.settle();
      account.expectEvents();
      await expectSnapshots(run);
    },
    isAlike: (name, number) => isCovered(name) || (name === 'poll.PutItem.limits' && number > 2),
  },

  /** Dispatch starts a run by schedule. Some records have changed, and a row says that one is gone. */
  'incremental-sync': {
    async play(run) {
      const account = await polledPersons(run, records);
      await run.subscriber();
      const hour = new Date(run.nowMs() + 2 * 3_600_000).getUTCHours();
      await account.sync({ cron: `30 ${hour} * * *` });
      await run.settle();
      account.records.change(2);
      account.records.change(5);
      account.records.remove(3);
      run.faultsBegin();
      await letScheduleCome(run, account);
      await run.settle();
      account.expectEvents();
    },
    countsDispatch: true,
    isAlike: (name, number) =>
      isCovered(name) ||
      isOfBudget(name) ||
      (name === 'poll.BatchGetItem.syncs' && number > 2) ||
      /^dispatch\.(?!.*\.(syncs|poll)$)/.test(name),
  },

  /** The function dies while it waits for the second page. Another goes on there, and asks for no page again. */
  'resumed-sync': {
    async play(run) {
      const account = await polledCrm(run, records);
      await run.subscriber();
      account.holdPage(2);
      await account.sync();
      await soon(() => account.isStuck());
      run.kill('poll');
      await run.untilIdle();
      const [row] = await run.syncsOf(account);
      if (row?.lease === undefined || row.state.current?.place?.spooled !== 1)
        throw new Error(`the run did not stop at its second page: ${JSON.stringify(row?.state)}`);
      account.holdPage(undefined);
      const before = new Map(account.fetches);
      run.faultsBegin();
      await run.settle();
      account.expectEvents();
      await expectSnapshots(run);
      const after = [...account.fetches].map(([page, times]) => times - (before.get(page) ?? 0));
      const [first = 0, ...others] = after;
      if (first > 0) throw new Error(`5: the first page was asked for ${first} times again`);
      // A page that is in flight at the fault is asked for once more.
      const again = others.reduce((sum, times) => sum + times - 1, 0);
      if (again > (run.planned === undefined ? 0 : 1)) throw new Error(`5: ${again} pages were asked for again`);
    },
    isAlike: (name) => isCovered(name) || isOfPublishing(name),
  },

  /** The token of a feed has ended: it is read anew, only differences are told, and a comparison finds what is gone. */
  'expired-token': {
    async play(run) {
      const account = await polledUsers(run, records);
      await run.subscriber(everyEvent);
      await account.sync();
      await run.settle();
      // A user that is newer may be missing for a while (`not_before`).
      await run.letTimePass(readableMs);
      account.records.change(2);
      account.records.remove(3);
      account.expireTokens();
      run.faultsBegin();
      await account.run('incremental');
      await run.settle();
      account.expectEvents();
      expectDrift(run);
    },
    isAlike: (name, number) => isCovered(name) || isOfPublishing(name) || isOfShards(name, number),
  },

  /** All records are listed and compared: two are gone, and one that exists is missing from the listing. */
  'reconciled-deletes': {
    async play(run) {
      const account = await polledCrm(run, records);
      await run.subscriber(everyEvent);
      await account.sync({ max_missing: 0.5 });
      await run.settle();
      account.records.remove(3);
      account.records.remove(6);
      account.hide(5);
      run.faultsBegin();
      await account.run('reconcile');
      await run.settle();
      account.expectEvents();
      expectDrift(run);
    },
    isAlike: (name, number) => isCovered(name) || isOfBudget(name) || isOfShards(name, number),
  },

  /** A webhook and a run find the same version of a record at the same time. */
  'webhook-beside-poll': {
    async play(run) {
      const account = await polledCrm(run, 2);
      await run.subscriber();
      await account.sync();
      await run.settle();
      await run.letTimePass(rememberedMs);
      const webhook = account.change(1);
      run.faultsBegin();
      const release = run.provider.hold();
      await Promise.all([run.send(webhook), account.run('incremental')]);
      await soon(() => run.provider.held() >= 2);
      release();
      await run.settle();
      account.expectEvents();
    },
    // Which of the two writes the event is a matter of chance; other paths cover the rest.
    isAlike: (name) =>
      !/^(poll|enrich)\.(?!.*\.(limits|accounts|subscriptions|credentials|credentials-key|statistics|tenants|delivery)$)/.test(
        name,
      ) || /\.(UpdateItem|BatchWriteItem)\.(events|idempotency)$/.test(name),
  },

  /** Callers run, pause, resume, reset and delete a sync while it runs. */
  'sync-api': {
    async play(run) {
      const account = await polledCrm(run, records);
      await run.subscriber();
      await account.sync();
      await run.settle();
      run.faultsBegin();
      const runs = [await pauseWhileItRuns(run, account)];
      runs.push(await resetWhileItRuns(run, account));
      await expectEnded(run, account, runs);
      await deleteWhileItRuns(run, account);
      account.expectEvents();
    },
    // Other paths cover what a run reads.
    isAlike: (name, number) =>
      isCovered(name) ||
      isOfPublishing(name) ||
      /^caller\.GET\.|^poll\.(BatchGetItem|Query|GetObject|PutObject)\./.test(name) ||
      (name === 'api.BatchGetItem.syncs' && number % 4 !== 1),
  },
};

/** Each event is of the first run. */
async function expectSnapshots(run: FaultRun): Promise<void> {
  const { body } = await run.call('GET', `/v1/events?tenant=${run.tenant}&limit=50`);
  const others = body.data.filter(({ snapshot }: { snapshot?: boolean }) => snapshot !== true);
  if (others.length > 0) throw new Error(`${others.length} events of the first run are no snapshot`);
}

/** A run that died may have lost what it counted, and its tenant is then not told of a drift. */
function expectDrift(run: FaultRun): void {
  const least = run.planned === undefined ? 1 : 0;
  run.expect({ account: 'tributary', resource: 'tributary/syncs', recordId: syncId, atLeast: least, atMost: 1 });
}

/** Advance the clock to the next run by schedule. */
async function letScheduleCome(run: FaultRun, account: SyncedAccount): Promise<void> {
  const [row] = await run.syncsOf(account);
  await run.letTimePass((row?.dueAtMs ?? 0) - run.nowMs());
}

const pathOf = ({ id }: SyncedAccount) => `/v1/accounts/${id}/syncs/${syncId}`;

/** Call until the answer is of one of the statuses. */
async function expectCall(
  run: FaultRun,
  ask: readonly [method: string, path: string, body?: unknown],
  statuses: readonly number[],
) {
  const answer = await run.call(...ask);
  if (!statuses.includes(answer.status))
    throw new Error(`${ask.slice(0, 2).join(' ')} was answered with ${answer.status}: ${JSON.stringify(answer.body)}`);
  return answer.body;
}

async function pauseWhileItRuns(run: FaultRun, account: SyncedAccount): Promise<string> {
  account.records.change(1);
  const release = run.provider.hold();
  const asked = await account.run('incremental');
  await soon(() => run.provider.held() > 0);
  const paused = await expectCall(run, ['POST', `${pathOf(account)}/pause`], [200]);
  if (paused.status !== 'paused') throw new Error(`a paused sync is ${paused.status}`);
  release();
  await run.settle();
  account.records.change(2);
  await expectCall(run, ['POST', `${pathOf(account)}/run`, { mode: 'incremental' }], [409]);
  await run.settle();
  await expectCall(run, ['POST', `${pathOf(account)}/resume`], [200]);
  await run.settle();
  return asked;
}

async function resetWhileItRuns(run: FaultRun, account: SyncedAccount): Promise<string> {
  account.records.change(3);
  const release = run.provider.hold();
  const asked = await account.run('incremental');
  await soon(() => run.provider.held() > 0);
  await expectCall(run, ['POST', `${pathOf(account)}/reset`, { confirm: true }], [200]);
  release();
  await run.settle();
  return asked;
}

/** No run is lost: each has an end, whatever it is. */
async function expectEnded(run: FaultRun, account: SyncedAccount, runs: readonly string[]): Promise<void> {
  const expired = await run.leftovers.inRuns({ account: account.id, sync: syncId, tenant: run.tenant }, 3);
  const { data } = await expectCall(run, ['GET', `${pathOf(account)}/runs`], [200]);
  const outcomes = new Map(data.map(({ id, outcome }: { id: string; outcome: string }) => [id, outcome]));
  for (const id of runs)
    if (!['succeeded', 'cancelled'].includes(String(outcomes.get(id))))
      throw new Error(`run ${id} is ${String(outcomes.get(id))}, of ${JSON.stringify([...outcomes])}`);
  if (expired.some((id) => outcomes.has(id))) throw new Error('runs that expired are listed');
}

async function deleteWhileItRuns(run: FaultRun, account: SyncedAccount): Promise<void> {
  const release = run.provider.hold();
  await account.run('incremental');
  await soon(() => run.provider.held() > 0);
  // An earlier try, whose answer was lost, has deleted it.
  await expectCall(run, ['DELETE', pathOf(account)], [204, 404]);
  release();
  await run.settle();
  await run.leftovers.inPollQueue({ account: account.id, sync: syncId });
  await run.settle();
  await expectCall(run, ['GET', pathOf(account)], [404]);
}

/** Wait until it holds, or a fault keeps it from holding. */
async function soon(holds: () => boolean): Promise<void> {
  const untilMs = performance.now() + soonMs;
  while (performance.now() < untilMs && !holds()) await new Promise((resolve) => setTimeout(resolve, 5));
}
