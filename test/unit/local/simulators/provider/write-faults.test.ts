import { describe, expect, test } from 'vitest';
import type { ProviderFaults } from '../../../../../lib/local/simulators/provider/draw-fault.ts';
import { type Answered, useSimulators } from './simulator-calls.ts';

const startAll = useSimulators();
const start = (faults: Partial<ProviderFaults> = {}, records = 10) => startAll({ faults, records });
const tickets = 'ticketing/tickets';

const idsOf = ({ body }: Answered): readonly number[] => body.tickets.map(({ id }: { id: number }) => id);
const timesOf = (records: readonly { readonly raw: unknown }[]) =>
  records.map(({ raw }) => (raw as { updated_at: string }).updated_at);

describe('late commits', () => {
  const since = '2026-11-21T12:00:00.000Z';
  const changes = `/v2/export/tickets?since=${since}`;

  test('show in listings after a while, with the time of the write', async () => {
    const { simulator, clock, send } = await start({ latePercent: 100, lateMs: 20_000 });
    await simulator.change(tickets, '9', { subject: 'Late' });
    await simulator.remove(tickets, '10');
    const added = await simulator.add(tickets);
    expect(idsOf(await send(changes))).toEqual([]);
    const listed = await send('/v2/tickets?limit=100');
    expect(listed.body.tickets[2]).toMatchObject({ id: 9, subject: 'Fire' });
    expect(idsOf(listed)).toContain(10);
    expect(idsOf(listed)).not.toContain(Number(added.id));
    expect((await send('/v2/tickets/9')).body.ticket.subject).toBe('Late');
    clock.advance(20_000);
    const shown = await send(changes);
    expect([...idsOf(shown)].sort((a, b) => a - b)).toEqual([9, 10, 17]);
    expect(shown.body.tickets.map((row: { updated_at: string }) => row.updated_at)).toEqual(
      Array.from({ length: 3 }, () => '2026-11-21T12:00:00Z'),
    );
    expect(simulator.stats().faults['late-commits']).toBe(3);
  });

  test('may be late for reads of one record, too, and never hide a later write', async () => {
    const { simulator, clock, send } = await start({ latePercent: 50, lateMs: 20_000, lateInGet: true });
    const subjects: string[] = [];
    for (let write = 1; write <= 10; write += 1) {
      await simulator.change(tickets, '9', { subject: `${write}` });
      subjects.push((await send('/v2/tickets/9')).body.ticket.subject);
      clock.advance(1_000);
    }
    const seen = subjects.map((subject) => (subject === 'Fire' ? 0 : Number(subject)));
    expect(seen).toEqual([...seen].sort((a, b) => a - b));
    expect(seen.some((write, place) => write < place + 1)).toBe(true);
    clock.advance(20_000);
    expect((await send('/v2/tickets/9')).body.ticket.subject).toBe('10');
  });

  test('do not happen otherwise', async () => {
    const { simulator, send } = await start();
    await simulator.change(tickets, '9');
    expect(idsOf(await send(changes))).toEqual([9]);
  });
});

describe('equal timestamps', () => {
  const writeSome = async (faults: Partial<ProviderFaults>) => {
    const { simulator, clock } = await start(faults);
    for (const id of ['7', '8', '9', '9']) {
      clock.advance(7_000);
      await simulator.change(tickets, id);
    }
    return timesOf(simulator.records(tickets).slice(0, 3));
  };

  test('cut the times of writes to a step; a record that is written again gets a later time', async () => {
    expect(await writeSome({ timeStepMs: 60_000 })).toEqual([
      '2026-11-21T12:00:00Z',
      '2026-11-21T12:00:00Z',
      '2026-11-21T12:00:01Z',
    ]);
  });

  test('may leave a record that is written again with the time that it has', async () => {
    expect(new Set(await writeSome({ timeStepMs: 60_000, repeatsOwnTime: true })).size).toBe(1);
  });

  test('do not happen otherwise', async () => {
    expect(new Set(await writeSome({})).size).toBe(3);
  });
});

describe('clock skew', () => {
  test('is in the date of answers, and in the times of some writes', async () => {
    const faults = { dateSkewMs: 5_000, rowSkewPercent: 50, rowSkewMs: 5_000 };
    const { clock, send, simulator } = await start(faults, 30);
    const skews: number[] = [];
    for (let call = 0; call < 12; call += 1)
      skews.push(Date.parse((await send('/v2/tickets/7')).headers.get('date') ?? '') - clock.nowMs());
    expect(skews.every((ms) => Math.abs(ms) <= 5_999)).toBe(true);
    expect(new Set(skews).size).toBeGreaterThan(2);
    const written: number[] = [];
    for (const { id } of simulator.records(tickets))
      written.push((await simulator.change(tickets, id)).updatedAtMs - clock.nowMs());
    expect(written.every((ms) => Math.abs(ms) <= 5_999)).toBe(true);
    expect(written.some((ms) => ms > 0) && written.some((ms) => ms < 0) && written.includes(0)).toBe(true);
  });

  test('does not happen otherwise: the date is that of the clock', async () => {
    const { clock, send } = await start();
    clock.advance(90_000);
    expect((await send('/v2/tickets/7')).headers.get('date')).toBe('Sat, 21 Nov 2026 12:01:30 GMT');
  });
});
