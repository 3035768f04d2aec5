import type { AnswerOf, BodyInputOf } from '../../../lambdas/engine/api/operation.ts';
import type { OperationId, Operations } from '../../../lambdas/engine/api/operations.ts';
import {
  type Command,
  type CommandArguments,
  type CommandPorts,
  type CommandResult,
  count,
  present,
  textOption,
  UnusableInput,
} from '../command.ts';
import { callOperation, callOperationPatiently, type OperationCall, requestOf } from '../engine/api-client.ts';
import { engineOptions, engineOptionsHelp } from '../engine/engine-call.ts';

/** Pause between two polls of running work. */
const pollMs = 2_000;
/** Attempts at a poll before the command gives up. */
const lookTries = 5;

type Mode = NonNullable<BodyInputOf<Operations['startReplay']>['mode']>;

const modes = ['all', 'failed', 'missing'] as const satisfies readonly Mode[];

/** Options of commands that send a window of a subscription's past events again. */
export const windowOptions = {
  ...engineOptions,
  tenant: { type: 'string' },
  since: { type: 'string' },
  until: { type: 'string' },
  rate: { type: 'string' },
  'dry-run': { type: 'boolean' },
  wait: { type: 'boolean' },
} as const;

export const windowOptionsHelp: readonly string[] = [
  '--tenant <name>     tenant of the events, for a subscription of all tenants',
  '--since <ISO time> --until <ISO time>  published in between (default: all stored events)',
  '--rate <number>     events per second, 1 to 1000 (default: that of the subscription, or 50)',
  '--dry-run           count, send nothing',
  '--wait              wait until it has ended, and show progress',
];

export const replayCommand: Command = {
  name: 'replay',
  positionals: ['<subscription>'],
  summary: 'send events to a subscription again, with the same ids',
  help: [
    '--mode <mode>       all, failed (or cancelled) or missing (never delivered; the default)',
    '--event <id>        only this event, in any mode',
    ...windowOptionsHelp,
    ...engineOptionsHelp,
    'It skips deliveries that wait for an attempt. The replay continues without this command, at the rate of the endpoint.',
    'Exit status: 0 started (with --wait: ended; an event: delivered), 1 rejected or not so, 2 unusable input.',
  ],
  options: { ...windowOptions, mode: { type: 'string' }, event: { type: 'string' } },
  run(args, ports) {
    const event = textOption(args, 'event');
    const said = textOption(args, 'mode');
    const mode = modes.find((one) => one === said);
    if (mode === undefined && said !== undefined)
      throw new UnusableInput(`--mode: got "${said}", expected ${modes.join(', ')}.`);
    return sendAgain(args, ports, event === undefined ? { mode: mode ?? 'missing' } : { event, mode });
  },
};

/** Send past events again to the subscription that the first positional names. */
export async function sendAgain(
  args: CommandArguments,
  ports: CommandPorts,
  what: { readonly mode?: Mode | undefined; readonly event?: string },
): Promise<CommandResult> {
  const [subscription = ''] = args.positionals;
  const body = {
    ...what,
    tenant: textOption(args, 'tenant'),
    since: textOption(args, 'since'),
    until: textOption(args, 'until'),
    rate_per_second: readRate(args),
    dry_run: args.values['dry-run'] === true,
  };
  const call = await callOperation(args, ports, 'startReplay', { params: { id: subscription }, body });
  if (call.kind === 'refused') return told(args, 1, { error: call.error }, call.error);
  if (call.status === 200) {
    const { scanned, matched, is_complete: isComplete } = call.body;
    return told(
      args,
      0,
      call.body,
      `would send ${matched} of ${count(scanned, 'event')} to ${subscription}${isComplete ? '' : ', and more: one call was too short to count the whole window'}`,
    );
  }
  const { body: begun } = call;
  return 'event_id' in begun ? delivered(args, ports, begun) : replayed(args, ports, subscription, begun);
}

type Replay = AnswerOf<Operations['getReplay']>['body'];
type Delivery = AnswerOf<Operations['getDelivery']>['body'];

async function replayed(
  args: CommandArguments,
  ports: CommandPorts,
  subscription: string,
  begun: Replay,
): Promise<CommandResult> {
  const place = { params: { id: subscription, replay: begun.id } };
  const cancelled = `${routeOf('cancelReplay', place)} ends it`;
  if (args.values['wait'] !== true)
    return told(
      args,
      0,
      begun,
      `${begun.id} has started. ${routeOf('getReplay', place)} shows its progress, ${cancelled}.`,
    );
  const followed = await follow(ports, begun, {
    look: (signal) => callOperationPatiently(args, ports, 'getReplay', place, { signal, tries: lookTries }),
    isOver: ({ state }) => state !== 'running',
    describe: ({ id, scanned, replayed: sent }) => `${id}: ${sent} of ${count(scanned, 'event')} queued`,
  });
  const { last, kind } = followed;
  if (kind === 'refused') return told(args, 1, { ...last, error: followed.error }, followed.error);
  if (kind === 'interrupted') return told(args, 1, last, `${begun.id} continues. ${cancelled}.`);
  const queued = `${count(last.replayed, 'event')} of ${last.scanned} queued for its endpoint, which receives them at its rate`;
  return told(args, last.state === 'done' ? 0 : 1, last, `${last.id} is ${last.state}: ${queued}`);
}

async function delivered(args: CommandArguments, ports: CommandPorts, begun: Delivery): Promise<CommandResult> {
  const place = { params: { id: begun.id } };
  if (args.values['wait'] !== true)
    return told(args, 0, begun, `${begun.event_id} is sent again. ${routeOf('getDelivery', place)} shows the result.`);
  const describe = (now: Delivery) => `${now.event_id}: ${now.state}, ${count(now.attempt_count, 'attempt')}`;
  const followed = await follow(ports, begun, {
    look: (signal) => callOperationPatiently(args, ports, 'getDelivery', place, { signal, tries: lookTries }),
    isOver: ({ state }) => state !== 'waiting' && state !== 'retrying',
    describe,
  });
  const { last, kind } = followed;
  if (kind === 'refused') return told(args, 1, { ...last, error: followed.error }, followed.error);
  if (kind === 'interrupted')
    return told(args, 1, last, `${begun.event_id} continues. ${routeOf('cancelDelivery', place)} cancels it.`);
  return told(args, last.state === 'delivered' ? 0 : 1, last, describe(last));
}

/** The route to call, as method and path. */
function routeOf<Id extends OperationId>(id: Id, call: OperationCall<Id>): string {
  const { method, path } = requestOf(id, call);
  return `${method} ${path}`;
}

interface Watch<T> {
  readonly look: (
    signal: AbortSignal,
  ) => Promise<{ readonly kind: 'answered'; readonly body: T } | { readonly kind: 'refused'; readonly error: string }>;
  readonly isOver: (now: T) => boolean;
  readonly describe: (now: T) => string;
}

type Followed<T> =
  | { readonly kind: 'over' | 'interrupted'; readonly last: T }
  | { readonly kind: 'refused'; readonly last: T; readonly error: string };

/** Poll until the work ends; print each change to stderr. */
async function follow<T>(ports: CommandPorts, begun: T, { look, isOver, describe }: Watch<T>): Promise<Followed<T>> {
  const signal = ports.interruption();
  let last = begun;
  while (!isOver(last)) {
    await ports.pause(pollMs, signal);
    if (signal.aborted) return { kind: 'interrupted', last };
    const call = await look(signal);
    if (signal.aborted) return { kind: 'interrupted', last };
    if (call.kind === 'refused') return { kind: 'refused', last, error: call.error };
    if (describe(call.body) !== describe(last)) ports.note(`${describe(call.body)}\n`);
    last = call.body;
  }
  return { kind: 'over', last };
}

function readRate(args: CommandArguments): number | undefined {
  const text = textOption(args, 'rate');
  if (text === undefined) return undefined;
  if (!/^\d+(\.\d+)?$/.test(text))
    throw new UnusableInput(`--rate: got "${text}", expected a number of events per second.`);
  return Number(text);
}

function told(args: CommandArguments, exitCode: 0 | 1, forPrograms: unknown, forPeople: string): CommandResult {
  return { exitCode, output: present(args, forPrograms, [forPeople]) };
}
