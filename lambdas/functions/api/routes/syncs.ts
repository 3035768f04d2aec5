import type { syncOperations } from '../../../engine/api/operations/sync-operations.ts';
import { type AskedRun, askForRun, askForRuns } from '../../../flows/sync/ask-for-run.ts';
import { findSync, listSyncs, type SyncOwner } from '../../../flows/sync/change-sync.ts';
import { createSync } from '../../../flows/sync/create-sync.ts';
import { describeSync, describeTiming } from '../../../flows/sync/describe-sync.ts';
import { findRun, listRuns } from '../../../flows/sync/list-runs.ts';
import { pauseSync, removeSync, resetSync, resumeSync, updateSync } from '../../../flows/sync/manage-sync.ts';
import type { SyncRow } from '../../../ports/sync/sync-store.ts';
import { ProblemError } from '../../invocation/answer-problems.ts';
import type { ApiPorts } from '../api-ports.ts';
import { type AnyCall, type ApiAnswer, type ApiCall, bodyProblem, type Handlers } from '../pipeline/api-call.ts';
import { mustNotBeErasing } from '../pipeline/ownership.ts';
import { notFound, tenantOf } from '../pipeline/principal.ts';
import { syncsExceeded } from '../pipeline/quota-problem.ts';
import { changed } from '../views/delivery-view.ts';
import { findAccount } from './accounts.ts';
import { unsupported } from './provider-problems.ts';

/** Syncs of accounts. */
export function syncHandlers(ports: ApiPorts): Handlers<keyof typeof syncOperations> {
  return {
    listAllSyncs: (call) => handleListAll(ports, call),
    async listSyncs(call) {
      const owner = await findOwner(ports, call);
      const rows = await listSyncs(ports, owner);
      return {
        status: 200,
        body: { data: await Promise.all(rows.map((row) => describeSync(ports, owner, row))), next_cursor: null },
      };
    },
    createSync: (call) => handleCreate(ports, call),
    async getSync(call) {
      const { owner, row } = await findOwnSync(ports, call);
      return { status: 200, body: await describeSync(ports, owner, row) };
    },
    updateSync: (call) => handleUpdate(ports, call),
    deleteSync: (call) => handleDelete(ports, call),
    runSync: (call) => handleRun(ports, call),
    pauseSync: (call) => handleChange(ports, call, (row) => pauseSync(ports, row)),
    resumeSync: (call) => handleChange(ports, call, (row) => resumeSync(ports, row)),
    resetSync: (call) =>
      handleChange(ports, call, (row) => {
        if (!call.body.confirm) throw unconfirmed(row);
        return resetSync(ports, row);
      }),
    async listSyncRuns(call) {
      const { row } = await findOwnSync(ports, call);
      const page = await listRuns(ports, row, call.query.limit, await call.cursors.after());
      return { status: 200, body: { data: page.items, next_cursor: await call.cursors.next(page.next) } };
    },
    async getSyncRun(call) {
      const { owner, row } = await findOwnSync(ports, call);
      const run = await findRun(ports, owner, row, call.params['run'] ?? '');
      if (run === undefined) throw notFound('run');
      return { status: 200, body: run };
    },
    syncAccount: (call) => handleSyncAccount(ports, call),
  };
}

async function handleListAll(
  ports: ApiPorts,
  { query, principal, cursors }: ApiCall<'listAllSyncs'>,
): Promise<ApiAnswer<'listAllSyncs'>> {
  const tenant = tenantOf(principal, query.tenant) ?? undefined;
  const page = await ports.accounts.list(tenant, query.limit, await cursors.after());
  const ofAccounts = await Promise.all(
    page.items.map(async (account) => {
      const owner = { account, definition: await ports.integrations.get(account.integration) };
      const rows = await listSyncs(ports, owner);
      const { id, tenant: own, integration } = account;
      return Promise.all(
        rows.map(async (row) => ({
          ...(await describeSync(ports, owner, row)),
          account: id,
          tenant: own,
          integration,
        })),
      );
    }),
  );
  return { status: 200, body: { data: ofAccounts.flat(), next_cursor: await cursors.next(page.next) } };
}

/** @throws {ProblemError} 404 for the account of another tenant. */
async function findOwner(ports: ApiPorts, call: AnyCall): Promise<SyncOwner> {
  const account = await findAccount(ports, call);
  return { account, definition: await ports.integrations.get(account.integration) };
}

interface OwnSync {
  readonly owner: SyncOwner;
  readonly row: SyncRow;
}

/** @throws {ProblemError} 404 for the account of another tenant, and for a sync that it does not have. */
async function findOwnSync(ports: ApiPorts, call: AnyCall): Promise<OwnSync> {
  const owner = await findOwner(ports, call);
  const row = await findSync(ports, owner, call.params['sync'] ?? '');
  if (row === undefined) throw notFound('sync');
  return { owner, row };
}

/** What the audit log shows of a sync: what its owner has set, and not what it does. */
function auditView({ sync, state }: SyncRow) {
  const { job, timing, isPaused, resets = 0 } = state;
  return {
    id: sync,
    paused: isPaused,
    resets,
    ...(job === undefined ? { timing: timing ?? {} } : { resources: job.resources, ...describeTiming(job) }),
  };
}

const nameOf = ({ account, sync }: SyncRow) => `accounts/${account}/syncs/${sync}`;

function changeOf(row: SyncRow, before: SyncRow | null, after: SyncRow | null) {
  const view = (one: SyncRow | null) => (one === null ? null : auditView(one));
  return changed(nameOf(row), row.tenant, view(after), view(before));
}

async function handleCreate(ports: ApiPorts, call: ApiCall<'createSync'>): Promise<ApiAnswer<'createSync'>> {
  const { body, stableId } = call;
  const owner = await findOwner(ports, call);
  await mustNotBeErasing(ports, owner.account.tenant);
  const creation = await createSync(ports, owner, body, stableId);
  switch (creation.kind) {
    case 'created':
      return {
        status: 201,
        body: await describeSync(ports, owner, creation.row),
        change: changeOf(creation.row, null, creation.row),
      };
    case 'exists':
      // An earlier try of this request created it before its run was cut off.
      if (body.id === undefined && stableId !== undefined && creation.row !== undefined)
        return { status: 201, body: await describeSync(ports, owner, creation.row) };
      throw new ProblemError({
        status: 409,
        detail: 'The account has a sync with this id, or its integration declares one.',
      });
    case 'faults':
      throw jobProblem(creation.faults);
    case 'no-api':
      throw unsupported(`the integration "${owner.account.integration}" calls no API`);
    case 'too-many':
      throw syncsExceeded(creation.most);
  }
}

/** The 422 for a job that cannot run: each fault with its path in the body. */
function jobProblem(
  faults: readonly { readonly path: readonly PropertyKey[]; readonly message: string }[],
): ProblemError {
  return new ProblemError({
    status: 422,
    detail: 'The body is not valid for this route.',
    extensions: { errors: faults.map(({ path, message }) => ({ path: path.map(String).join('.'), message })) },
  });
}

async function handleUpdate(ports: ApiPorts, call: ApiCall<'updateSync'>): Promise<ApiAnswer<'updateSync'>> {
  const { owner, row } = await findOwnSync(ports, call);
  const update = await updateSync(ports, owner, row, call.body);
  switch (update?.kind) {
    case undefined:
      throw notFound('sync');
    case 'changed':
      return {
        status: 200,
        body: await describeSync(ports, owner, update.row),
        change: changeOf(row, row, update.row),
      };
    case 'faults':
      throw jobProblem(update.faults);
    case 'undeclared':
      throw undeclared(row);
  }
}

function undeclared({ integration, sync }: SyncRow): ProblemError {
  return unsupported(`the definition of "${integration}" no longer declares the sync "${sync}"`);
}

async function handleDelete(ports: ApiPorts, call: ApiCall<'deleteSync'>): Promise<ApiAnswer<'deleteSync'>> {
  const { owner, row } = await findOwnSync(ports, call);
  if ((await removeSync(ports, owner, row)).kind === 'declared')
    throw new ProblemError({
      status: 409,
      detail: `The integration "${row.integration}" declares the sync "${row.sync}", so it would come again. Pause it, or set "syncs": "off" on the account.`,
      extensions: { reason: 'sync-declared' },
    });
  return { status: 204, body: undefined, change: changeOf(row, row, null) };
}

type Changing = 'pauseSync' | 'resumeSync' | 'resetSync';

async function handleChange(
  ports: ApiPorts,
  call: AnyCall,
  change: (row: SyncRow) => Promise<SyncRow | undefined>,
): Promise<ApiAnswer<Changing>> {
  const { owner, row } = await findOwnSync(ports, call);
  const after = await change(row);
  if (after === undefined) throw notFound('sync');
  return { status: 200, body: await describeSync(ports, owner, after), change: changeOf(row, row, after) };
}

/** The 409 that says what a reset does. */
function unconfirmed({ sync }: SyncRow): ProblemError {
  return new ProblemError({
    status: 409,
    detail: `A reset forgets the cursors of the sync "${sync}" and cancels its runs. The next run, which begins at once, reads everything again, and publishes what differs from what is known. Send {"confirm": true} if you want that; to read a stretch of time again, ask for a backfill instead.`,
    extensions: { reason: 'confirmation-required' },
  });
}

async function handleRun(ports: ApiPorts, call: ApiCall<'runSync'>): Promise<ApiAnswer<'runSync'>> {
  const { owner, row } = await findOwnSync(ports, call);
  const asked = await askForRun(ports, owner, row, call.body);
  if (asked === undefined) throw notFound('sync');
  if (asked.kind !== 'waiting') throw runProblem(row, asked);
  const { run } = asked;
  return { status: 202, body: { run }, change: changed(nameOf(row), row.tenant, { ...call.body, run }) };
}

function runProblem(row: SyncRow, refused: Exclude<AskedRun, { kind: 'waiting' }>): ProblemError {
  switch (refused.kind) {
    case 'paused':
      return syncPaused(`The sync "${row.sync}" is paused: resume it first.`);
    case 'too-many':
      return tooManyRuns(`${refused.most} runs of the sync "${row.sync}" wait already.`);
    case 'undeclared':
      return undeclared(row);
    case 'no-resource':
      return bodyProblem('resource', `expected a resource of the sync: ${refused.resources.join(', ')}`);
  }
}

function syncPaused(detail: string): ProblemError {
  return new ProblemError({ status: 409, detail, extensions: { reason: 'sync-paused' } });
}

function tooManyRuns(detail: string): ProblemError {
  return new ProblemError({ status: 409, detail, extensions: { reason: 'too-many-runs' } });
}

async function handleSyncAccount(ports: ApiPorts, call: ApiCall<'syncAccount'>): Promise<ApiAnswer<'syncAccount'>> {
  const owner = await findOwner(ports, call);
  const { runs, skipped, resources } = await askForRuns(ports, owner, call.body);
  const [first] = skipped;
  if (runs.length === 0 && first !== undefined)
    throw first.reason === 'paused'
      ? syncPaused('All syncs that would run are paused: resume one first.')
      : tooManyRuns('Too many runs of these syncs wait already.');
  if (runs.length === 0)
    throw call.body.resource === undefined
      ? unsupported(
          'the account has no syncs: its integration declares none, or it lacks credentials, or says `"syncs": "off"`',
        )
      : bodyProblem(
          'resource',
          `expected a resource that a sync of the account reads: ${resources.join(', ') || 'there is none'}`,
        );
  const { id, tenant } = owner.account;
  const reasons = { paused: 'sync-paused', 'too-many': 'too-many-runs' } as const;
  return {
    status: 202,
    body: { runs, skipped: skipped.map(({ sync, reason }) => ({ sync, reason: reasons[reason] })) },
    change: changed(`accounts/${id}`, tenant, { ...call.body, runs }),
  };
}
