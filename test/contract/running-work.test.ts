import { describe, expect, test } from 'vitest';
import { createDynamoRunningWorkLog } from '../../lambdas/adapters/dynamo/stores/running-work.ts';
import type { RunningWork, RunningWorkLog } from '../../lambdas/ports/runtime/running-work.ts';
import { createInMemoryRunningWork } from '../fakes/in-memory-running-work.ts';
import { useTables } from './emulated-aws.ts';

const tables = useTables();
const implementations: readonly (readonly [string, () => Promise<RunningWorkLog>])[] = [
  ['the fake', async () => createInMemoryRunningWork()],
  ['DynamoDB', async () => createDynamoRunningWorkLog(tables.client(), await tables.create('deliveries'))],
];

const replay = (id: string): RunningWork => ({ kind: 'replay', subscription: 'sub_1', replay: id });
const erasure: RunningWork = { kind: 'erasure', tenant: 'acme', erasure: 'ers_1' };

describe.each(implementations)('running work on %s', (_, open) => {
  test('lists work that was expected before now, until it is postponed or removed', async () => {
    const work = await open();
    await work.expect(replay('rpl_1'), 1_000);
    await work.expect(replay('rpl_2'), 2_000);
    await work.expect(erasure, 1_500);
    expect(await work.listSilent(999, 10)).toEqual([]);
    const silent = await work.listSilent(1_500, 10);
    expect(silent).toHaveLength(2);
    expect(silent).toEqual(expect.arrayContaining([replay('rpl_1'), erasure]));
    await work.expect(replay('rpl_1'), 3_000);
    await work.remove(erasure);
    expect(await work.listSilent(2_000, 10)).toEqual([replay('rpl_2')]);
  });

  test('lists no more than the limit', async () => {
    const work = await open();
    for (const id of ['rpl_1', 'rpl_2', 'rpl_3']) await work.expect(replay(id), 1_000);
    expect(await work.listSilent(1_000, 2)).toHaveLength(2);
  });

  test('finds silent work among many rows that are not, over several pages', async () => {
    const work = await open();
    // Together the rows exceed a page of 1 MB.
    const long = 'x'.repeat(900);
    await Promise.all(
      Array.from({ length: 700 }, (__, number) =>
        work.expect({ kind: 'replay', subscription: `sub_${long}`, replay: `rpl_${number}` }, 9_000),
      ),
    );
    await work.expect({ kind: 'replay', subscription: 'sub_z', replay: 'rpl_z' }, 1_000);
    expect(await work.listSilent(1_000, 10)).toEqual([{ kind: 'replay', subscription: 'sub_z', replay: 'rpl_z' }]);
  });
});
