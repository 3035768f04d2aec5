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

/** Between two looks at what is under way. */
const pollMs = 2_000;
/** Tries at a look before the engine counts as gone. */
const lookTries = 5;

type Mode = NonNullable<BodyInputOf<Operations['startReplay']>['mode']>;

const modes = ['all', 'failed', 'missing'] as const satisfies readonly Mode[];

/** Options of what sends a window of a subscription's past again. */
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
  '--tenant <name>     whose events, for a subscription of all tenants',
  '--since <ISO time> --until <ISO time>  published in between (default: all that is kept)',
  '--rate <number>     events a second, 1 to 1000 (default: that of the subscription, or 50)',
  '--dry-run           count, send nothing',
  '--wait              stay until it has ended, and tell how far it is',
];

export const replayCommand: Command = {
  name: 'replay',
  positionals: ['<subscription>'],
  summary: 'send events to a subscription again, under the ids that they had',
  help: [
    '--mode <mode>       all, failed (tried in vain, or cancelled) or missing (never delivered; the default)',
    '--event <id>        only this one, in any mode',
    ...windowOptionsHelp,
    ...engineOptionsHelp,
    'What waits for its attempt is left alone. It goes on without this command, at the rate of the endpoint.',
    'Exit status: 0 begun (with --wait: ended; an event: delivered), 1 refused or not so, 2 unusable input.',
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

/** Send a subscription, which the first positional names, its past again, or a part of it. */
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
      `would send ${matched} of ${count(scanned, 'event')} to ${subscription}${isComplete ? '' : ', and more: not all of the window was counted in the time of a call'}`,
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
      `${begun.id} has begun. ${routeOf('getReplay', place)} tells how far it is, ${cancelled}.`,
    );
  const followed = await follow(ports, begun, {
    look: (signal) => callOperationPatiently(args, ports, 'getReplay', place, { signal, tries: lookTries }),
    isOver: ({ state }) => state !== 'running',
    describe: ({ id, scanned, replayed: sent }) => `${id}: ${sent} of ${count(scanned, 'event')} queued`,
  });
  const { last, kind } = followed;
  if (kind === 'refused') return told(args, 1, { ...last, error: followed.error }, followed.error);
  if (kind === 'interrupted') return told(args, 1, last, `${begun.id} goes on. ${cancelled}.`);
  const queued = `${count(last.replayed, 'event')} of ${last.scanned} queued for its endpoint, which takes them at its rate`;
  return told(args, last.state === 'done' ? 0 : 1, last, `${last.id} is ${last.state}: ${queued}`);
}

async function delivered(args: CommandArguments, ports: CommandPorts, begun: Delivery): Promise<CommandResult> {
  const place = { params: { id: begun.id } };
  if (args.values['wait'] !== true)
    return told(args, 0, begun, `${begun.event_id} is sent again. ${routeOf('getDelivery', place)} tells how it went.`);
  const describe = (now: Delivery) => `${now.event_id}: ${now.state}, ${count(now.attempt_count, 'attempt')}`;
  const followed = await follow(ports, begun, {
    look: (signal) => callOperationPatiently(args, ports, 'getDelivery', place, { signal, tries: lookTries }),
    isOver: ({ state }) => state !== 'waiting' && state !== 'retrying',
    describe,
  });
  const { last, kind } = followed;
  if (kind === 'refused') return told(args, 1, { ...last, error: followed.error }, followed.error);
  if (kind === 'interrupted')
    return told(args, 1, last, `${begun.event_id} goes on. ${routeOf('cancelDelivery', place)} gives it up.`);
  return told(args, last.state === 'delivered' ? 0 : 1, last, describe(last));
}

/** What to call, in words. */
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

/** Look at something again and again until it is over; each change is told beside the output. */
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
    throw new UnusableInput(`--rate: got "${text}", expected a number of events a second.`);
  return Number(text);
}

function told(args: CommandArguments, exitCode: 0 | 1, forPrograms: unknown, forPeople: string): CommandResult {
  return { exitCode, output: present(args, forPrograms, [forPeople]) };
}
