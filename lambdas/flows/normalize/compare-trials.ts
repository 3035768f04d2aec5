import type { CanaryNote } from '../../contracts/outcomes.ts';
import { compareMappings } from '../../engine/mapping/compare-mappings.ts';
import type { CanaryDifference } from '../../ports/accounts/canary-log.ts';
import { countBeside } from '../statistics/count-beside.ts';
import type { NormalizePorts, Trial, TriedMapping } from './normalization.ts';

/** How long the comparisons of a batch may take: its events are published, and its messages wait for the end. */
const maxWaitMs = 5_000;
/** Comparisons of one batch. */
const maxTrials = 20;

type ComparePorts = Pick<NormalizePorts, 'canaries' | 'canaryNotes' | 'clock' | 'pause'>;

interface Compared {
  readonly trial: Trial;
  readonly isFailed: boolean;
  readonly difference: CanaryDifference | undefined;
}

/**
 * Map requests once more, by the definitions whose events are not published, and keep what differs. Nothing that happens
 * here fails a request (invariant 12).
 */
export async function compareTrials(ports: ComparePorts, trials: readonly Trial[]): Promise<void> {
  if (trials.length === 0) return;
  const tried = trials.filter(({ isTried }) => isTried).slice(0, maxTrials);
  const note = (name: CanaryNote, amount: number) => {
    if (amount > 0) ports.canaryNotes.count(name, amount);
  };
  const counting = await countBeside(ports, maxWaitMs, async () => {
    const untilMs = ports.clock.nowMs() + maxWaitMs;
    const compared: Compared[] = [];
    for (const trial of tried) {
      if (ports.clock.nowMs() >= untilMs) break;
      compared.push(compareOne(trial, await trial.mapOther(), ports.clock.nowMs()));
    }
    note('canary-compared', compared.length);
    note('canary-skipped', trials.length - compared.length);
    note('canary-different', compared.filter(({ difference }) => difference !== undefined).length);
    note('canary-failed', compared.filter(({ isFailed }) => isFailed).length);
    await keep(ports, compared);
  });
  // They are counted, but cannot be shown.
  if (counting.kind === 'failed') note('canary-lost', tried.length);
}

function compareOne({ published, mapped, input, ...rest }: Trial, other: TriedMapping, nowMs: number): Compared {
  const [current, candidate] = published === 'current' ? [mapped, other] : [other, mapped];
  const eventsOf = (one: TriedMapping) => (one.kind === 'mapped' ? one.events.map(({ event }) => event) : []);
  const comparison = compareMappings(eventsOf(current), eventsOf(candidate));
  const [currentFailure, candidateFailure] = [failureOf(current), failureOf(candidate)];
  const isSame = comparison.events.length === 0 && currentFailure === candidateFailure;
  const difference: CanaryDifference = {
    at: new Date(nowMs).toISOString(),
    input,
    published,
    failures: {
      ...(currentFailure === undefined ? {} : { current: currentFailure }),
      ...(candidateFailure === undefined ? {} : { candidate: candidateFailure }),
    },
    ...comparison,
  };
  return {
    trial: { published, mapped, input, ...rest },
    isFailed: candidateFailure !== undefined,
    difference: isSame ? undefined : difference,
  };
}

const maxReasonCharacters = 300;

function failureOf(mapped: TriedMapping): string | undefined {
  return mapped.kind === 'mapped' ? undefined : mapped.reason.slice(0, maxReasonCharacters);
}

async function keep({ canaries }: ComparePorts, compared: readonly Compared[]): Promise<void> {
  const groups = Map.groupBy(compared, ({ trial: { account, version } }) => `${account.id} ${version}`);
  for (const group of groups.values()) {
    const [{ trial }] = group as [Compared];
    const { account, version } = trial;
    const key = { tenant: account.tenant, integration: account.integration, account: account.id, version };
    const differences = group.flatMap(({ difference }) => difference ?? []);
    const failed = group.filter(({ isFailed }) => isFailed).length;
    await canaries.add(key, { compared: group.length, different: differences.length, failed }, differences);
  }
}
