import {
  type Command,
  type CommandArguments,
  type CommandPorts,
  type CommandResult,
  count,
  present,
  textOption,
  UnusableInput,
} from './command.ts';
import { callEngine, callPatiently, engineOptions, engineOptionsHelp, notUnderstood } from './engine-call.ts';

/** Between two looks at what is under way. */
const pollMs = 2_000;
/** Tries at a look before the engine counts as gone. */
const lookTries = 5;

const modes = ['all', 'failed', 'missing'];

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
    const mode = textOption(args, 'mode');
    if (mode !== undefined && !modes.includes(mode))
      throw new UnusableInput(`--mode: got "${mode}", expected ${modes.join(', ')}.`);
    return sendAgain(args, ports, event === undefined ? { mode: mode ?? 'missing' } : { event, mode });
  },
};

/** Send a subscription, which the first positional names, its past again, or a part of it. */
export async function sendAgain(
  args: CommandArguments,
  ports: CommandPorts,
  what: { readonly mode?: string | undefined; readonly event?: string },
): Promise<CommandResult> {
  const [subscription = ''] = args.positionals;
  const path = `/v1/subscriptions/${encodeURIComponent(subscription)}`;
  const body = {
    ...what,
    tenant: textOption(args, 'tenant'),
    since: textOption(args, 'since'),
    until: textOption(args, 'until'),
    rate_per_second: readRate(args),
    dry_run: args.values['dry-run'] === true,
  };
  const call = await callEngine(args, ports, { method: 'POST', path: `${path}/replay`, body });
  if (call.kind === 'refused') return told(args, 1, { error: call.error }, call.error);
  const { body: answer } = call;
  if (isCount(answer))
    return told(
      args,
      0,
      answer,
      `would send ${answer.matched} of ${count(answer.scanned, 'event')} to ${subscription}${answer.is_complete ? '' : ', and more: not all of the window was counted in the time of a call'}`,
    );
  if (isReplay(answer)) return replayed(args, ports, path, answer);
  if (isDelivery(answer)) return delivered(args, ports, answer);
  const error = notUnderstood(call);
  return told(args, 1, { error }, error);
}

interface Count {
  readonly scanned: number;
  readonly matched: number;
  readonly is_complete: boolean;
}

interface Replay {
  readonly id: string;
  readonly state: string;
  readonly scanned: number;
  readonly replayed: number;
}

interface Delivery {
  readonly id: string;
  readonly event_id: string;
  readonly state: string;
  readonly attempt_count: number;
}

async function replayed(
  args: CommandArguments,
  ports: CommandPorts,
  path: string,
  begun: Replay,
): Promise<CommandResult> {
  const place = `${path}/replays/${encodeURIComponent(begun.id)}`;
  const cancelled = `POST ${place}/cancel ends it`;
  if (args.values['wait'] !== true)
    return told(args, 0, begun, `${begun.id} has begun. GET ${place} tells how far it is, ${cancelled}.`);
  const progress = ({ id, scanned, replayed: sent }: Replay) => `${id}: ${sent} of ${count(scanned, 'event')} queued`;
  const followed = await follow(args, ports, place, begun, isReplay, ({ state }) => state !== 'running', progress);
  const { last, kind } = followed;
  if (kind === 'refused') return told(args, 1, { ...last, error: followed.error }, followed.error);
  if (kind === 'interrupted') return told(args, 1, last, `${begun.id} goes on. ${cancelled}.`);
  const queued = `${count(last.replayed, 'event')} of ${last.scanned} queued for its endpoint, which takes them at its rate`;
  return told(args, last.state === 'done' ? 0 : 1, last, `${last.id} is ${last.state}: ${queued}`);
}

async function delivered(args: CommandArguments, ports: CommandPorts, begun: Delivery): Promise<CommandResult> {
  const place = `/v1/deliveries/${encodeURIComponent(begun.id)}`;
  if (args.values['wait'] !== true)
    return told(args, 0, begun, `${begun.event_id} is sent again. GET ${place} tells how it went.`);
  const isOver = ({ state }: Delivery) => state !== 'waiting' && state !== 'retrying';
  const progress = (now: Delivery) => `${now.event_id}: ${now.state}, ${count(now.attempt_count, 'attempt')}`;
  const followed = await follow(args, ports, place, begun, isDelivery, isOver, progress);
  const { last, kind } = followed;
  if (kind === 'refused') return told(args, 1, { ...last, error: followed.error }, followed.error);
  if (kind === 'interrupted')
    return told(args, 1, last, `${begun.event_id} goes on. POST ${place}/cancel gives it up.`);
  return told(args, last.state === 'delivered' ? 0 : 1, last, progress(last));
}

type Followed<T> =
  | { readonly kind: 'over' | 'interrupted'; readonly last: T }
  | { readonly kind: 'refused'; readonly last: T; readonly error: string };

/** Look at something again and again until it is over; each change is told beside the output. */
async function follow<T>(
  args: CommandArguments,
  ports: CommandPorts,
  path: string,
  begun: T,
  isOne: (body: unknown) => body is T,
  isOver: (now: T) => boolean,
  describe: (now: T) => string,
): Promise<Followed<T>> {
  const signal = ports.interruption();
  let last = begun;
  while (!isOver(last)) {
    await ports.pause(pollMs, signal);
    if (signal.aborted) return { kind: 'interrupted', last };
    const call = await callPatiently(args, ports, { method: 'GET', path, signal }, lookTries);
    if (signal.aborted) return { kind: 'interrupted', last };
    if (call.kind === 'refused') return { kind: 'refused', last, error: call.error };
    if (!isOne(call.body)) return { kind: 'refused', last, error: notUnderstood(call) };
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

function isCount(body: unknown): body is Count {
  const { scanned, matched, is_complete: isComplete } = (body ?? {}) as Partial<Count>;
  return typeof scanned === 'number' && typeof matched === 'number' && typeof isComplete === 'boolean';
}

function isReplay(body: unknown): body is Replay {
  const { id, state, scanned, replayed } = (body ?? {}) as Partial<Replay>;
  return [id, state].every(isText) && typeof scanned === 'number' && typeof replayed === 'number';
}

function isDelivery(body: unknown): body is Delivery {
  const { id, event_id: event, state, attempt_count: attempts } = (body ?? {}) as Partial<Delivery>;
  return [id, event, state].every(isText) && typeof attempts === 'number';
}

function isText(value: unknown): boolean {
  return typeof value === 'string';
}
