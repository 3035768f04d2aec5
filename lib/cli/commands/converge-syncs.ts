import { prepareResources } from '../../../lambdas/engine/mapping/check-resource.ts';
import {
  type FaultName,
  faultNames,
  survivableFaultNames,
} from '../../local/simulators/provider/faults/named-faults.ts';
import {
  type CommandArguments,
  type CommandPorts,
  type CommandResult,
  count,
  present,
  textOption,
  UnusableInput,
} from '../command.ts';
import { loadDefinition, loadExchanges, loadResources } from '../explain/load-integration.ts';
import { suggestion } from '../explain/nearest-name.ts';
import type { ConvergedResource, ConvergedSync, MissedInHistory } from '../provider/converge/converge-definition.ts';

const usualHistories = 20;
const mostHistories = 10_000;
/** What is printed of one resource. */
const mostShown = 5;

/** Options of `test` that only `--converge` reads. */
export const convergeOptions = {
  converge: { type: 'boolean' },
  seed: { type: 'string' },
  histories: { type: 'string' },
  faults: { type: 'string' },
} as const;

export const convergeHelp = [
  '--converge          poll the simulated provider of the integration while its records change at random, and compare',
  `--histories <n>     histories of each sync, with --converge (default: ${usualHistories})`,
  '--seed <n>          the first of them (default: by chance; it is shown)',
  `--faults <names>    what the provider does meanwhile, or all: ${survivableFaultNames.join(', ')} (default: all)`,
];

const words: Readonly<Record<MissedInHistory['what'], string>> = {
  'never-told': 'never told',
  'wrong-state': 'last state not told',
  'delete-not-told': 'delete not told',
  'wrong-delete': 'told deleted, and exists',
};

/** Try the syncs of a definition against its simulated provider. @returns 1 where a subscriber would miss something. */
export async function convergeSyncs(args: CommandArguments, ports: CommandPorts): Promise<CommandResult> {
  const [name] = args.positionals;
  if (name === undefined) throw new UnusableInput('--converge: expected the name of an integration.');
  const definition = loadDefinition(ports.integrations, name);
  if (definition.api === undefined || Object.keys(definition.syncs ?? {}).length === 0)
    throw new UnusableInput(`--converge: the definition of "${name}" has no \`syncs\`: nothing is polled.`);
  const histories = readWhole(args, 'histories', 1, mostHistories) ?? usualHistories;
  const seed = readWhole(args, 'seed', 0, 1e12) ?? Math.floor(ports.nowMs() % 1_000_000);
  const faults = readFaults(textOption(args, 'faults'));
  // Imported here, because no other command runs the engine.
  const { convergeDefinition } = await import('../provider/converge/converge-definition.ts');
  const options = {
    definition,
    exchanges: loadExchanges(ports.integrations, name),
    schemas: prepareResources(loadResources(ports).schemas, { everyFault: true }),
    faults,
  };
  const syncs = await convergeDefinition(options, seed, histories);
  const missed = syncs.flatMap(({ resources }) => resources.flatMap((one) => one.missed));
  const failures = syncs.flatMap((sync) => sync.failures);
  const played = syncs.reduce((sum, sync) => sum + sync.histories, 0);
  return {
    exitCode: missed.length === 0 && failures.length === 0 ? 0 : 1,
    output: present(args, { integration: name, seed, histories, faults, syncs }, [
      `${name}: ${count(histories, 'history').replace(/ys$/, 'ies')} of each sync from seed ${seed}`,
      ...syncs.flatMap(describe),
      played === 0
        ? 'nothing was judged'
        : `${missed.length} missed, ${failures.length} of ${played} histories did not end`,
    ]),
  };
}

function describe({ sync, resources, failures }: ConvergedSync): readonly string[] {
  return [
    ...resources.flatMap((one) => describeResource(one, failures.length)),
    ...failures
      .slice(0, mostShown)
      .map(({ seed, reason, faults }) => `       seed ${seed}: ${sync} does not end: ${reason} (${faultsOf(faults)})`),
  ];
}

function describeResource({ sync, resource, missed, calls, isJudged, unjudged }: ConvergedResource, failures: number) {
  const place = sync === resource.split('/')[1] ? resource : `${sync} ${resource}`;
  const verdict = isJudged ? `${missed.length} missed` : `not judged: ${unjudged}`;
  const isRight = missed.length === 0 && failures === 0;
  const mark = !isRight ? 'FAIL' : isJudged ? 'ok  ' : '--  ';
  return [
    `  ${mark} ${place}: ${verdict}${isJudged || calls > 0 ? `, ${count(calls, 'call')}` : ''}`,
    ...missed.slice(0, mostShown).map(describeMissed),
    ...(missed.length > mostShown ? [`       and ${missed.length - mostShown} more`] : []),
  ];
}

function describeMissed({ record, what, members, seed, faults, isToldByComparison }: MissedInHistory): string {
  const differing = members === undefined ? '' : `, different: ${members.join(', ')}`;
  const late = isToldByComparison ? ', before all records were compared' : '';
  return `       seed ${seed}: record ${record}: ${words[what]}${late}${differing} (${faultsOf(faults)})`;
}

function faultsOf(faults: readonly FaultName[]): string {
  return faults.join(', ') || 'no faults';
}

function readFaults(text: string | undefined): readonly FaultName[] {
  if (text === undefined || text === 'all') return survivableFaultNames;
  return text.split(',').map((written) => {
    const name = survivableFaultNames.find((one) => one === written.trim());
    if (name !== undefined) return name;
    const changesData = faultNames.some((one) => one === written.trim());
    throw new UnusableInput(
      changesData
        ? `--faults: ${written.trim()} changes data, so no poller can be right while it lasts.`
        : `--faults: there is no fault "${written.trim()}".${suggestion(written.trim(), survivableFaultNames)} Expected all, ${survivableFaultNames.join(', ')}.`,
    );
  });
}

function readWhole(args: CommandArguments, option: string, least: number, most: number): number | undefined {
  const text = textOption(args, option);
  if (text === undefined) return undefined;
  const value = /^\d{1,13}$/.test(text) ? Number(text) : Number.NaN;
  if (!(value >= least && value <= most))
    throw new UnusableInput(`--${option}: got "${text}", expected a whole number from ${least} to ${most}.`);
  return value;
}
