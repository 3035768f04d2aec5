import { randomBytes } from 'node:crypto';
import { limits } from '../../../lambdas/contracts/limits.ts';
import type { AnswerOf } from '../../../lambdas/engine/api/operation.ts';
import type { Operations } from '../../../lambdas/engine/api/operations.ts';
import { feedStartForms, parseFeedStart } from '../../../lambdas/engine/feed/feed-start.ts';
import { encodeSecret } from '../../../lambdas/engine/signing/standard-webhooks.ts';
import {
  type Command,
  type CommandArguments,
  type CommandPorts,
  type CommandResult,
  count,
  textOption,
  UnusableInput,
} from '../command.ts';
import { callOperationPatiently, type OperationCall } from '../engine/api-client.ts';
import { engineOptions, engineOptionsHelp, isWebUrl, readOrigin } from '../engine/engine-call.ts';
import { type Forwarded, type ForwardTarget, forwardEvent } from '../engine/forward-event.ts';

/** How long the engine may keep a question that it has no event for. */
const waitSeconds = limits.feedMaxWaitMs / 1000;
/** An engine that answers sooner with nothing (too many calls wait: `tributary-wait: full`) is not asked again at once. */
const pollMs = 1_000;
/** The most that a page of the feed has. */
const pageSize = 500;
/** Tries at a page where the command is to end by itself; otherwise it waits for the engine. */
const scriptTries = 4;
/** The tenant of the accounts that `npm start` makes. */
const demoTenant = 'demo';
/** Characters of an answer that a line shows. */
const shownAnswer = 200;

export const listenCommand: Command = {
  name: 'listen',
  positionals: [],
  summary: "show a tenant's events as they come, and forward them to a URL on this machine as signed callbacks",
  help: [
    `--tenant <name>     whose events (default: the key's tenant; ${demoTenant} with the key of the local engine)`,
    '--forward <url>     post each event there, in order, as a Standard Webhooks callback; 4 tries, then the next one',
    '--secret <whsec_…>  to sign them with (default: a new one, which is shown at the start)',
    '--types <list>      record:*, record:created, delivery.exhausted, …, separated by commas (default: all records)',
    '--resources <list>  hris/employees, crm/*, …, separated by commas (default: all)',
    '--since <when>      now, beginning, an ISO 8601 time, or a sequence number (default: now; with --once: beginning)',
    '--once              end when all that is stored has been shown',
    ...engineOptionsHelp,
    'With --json each event is one line, {"event": {…}, "forward": {…} or null}; all else goes to standard error.',
    'Ctrl-C ends it. What it posts is no delivery of the engine: what fails here is stored nowhere and disables nothing.',
    'Exit status: 0 ended, 1 the engine refused or, with --once, an event was not taken, 2 unusable input.',
  ],
  options: {
    ...engineOptions,
    tenant: { type: 'string' },
    forward: { type: 'string' },
    secret: { type: 'string' },
    types: { type: 'string' },
    resources: { type: 'string' },
    since: { type: 'string' },
    once: { type: 'boolean' },
  },
  run: listen,
};

/** An event as the feed has it; it is passed on as it came. */
type FeedEvent = AnswerOf<Operations['readFeed']>['body']['data'][number];

async function listen(args: CommandArguments, ports: CommandPorts): Promise<CommandResult> {
  const isOnce = args.values['once'] === true;
  const isJson = args.values['json'] === true;
  const since = readSince(args, isOnce);
  const origin = readOrigin(args);
  const tenant = readTenant(args);
  const signal = ports.interruption();
  const target = readTarget(args, signal);

  ports.note(`listening to ${tenant === undefined ? "the key's tenant" : `tenant ${tenant}`} at ${origin}\n`);
  if (target !== undefined) ports.note(`forwarding to ${target.url}, signed with ${target.secret}\n`);

  let isWaiting = false;
  let cursor: string | undefined;
  let shown = 0;
  let notTaken = 0;
  while (!signal.aborted) {
    // The first answer says where the reader is: it comes at once, and so does a mistake.
    const wait = isOnce || cursor === undefined ? undefined : waitSeconds;
    const asked = feedCall(args, tenant, { since, cursor, wait });
    const askedAtMs = ports.nowMs();
    // A mistake in the first call shows at once; later the engine may be started anew.
    const tries = isOnce ? scriptTries : cursor === undefined ? 1 : Number.POSITIVE_INFINITY;
    const call = await callOperationPatiently(args, ports, 'readFeed', asked, { signal, tries });
    if (signal.aborted) break;
    if (call.kind === 'refused') return refused(args, call.error);
    const page = call.body;
    for (const event of page.data) {
      if (signal.aborted) break;
      shown += 1;
      // An event is seen before it is forwarded: an endpoint that hangs is seen to hang with this one.
      if (!isJson) ports.print(`${eventLine(event)}\n`);
      const forwarded =
        target === undefined
          ? undefined
          : await forwardEvent(ports, target, event, (failed) => ports.note(`  ${answerLine(failed)}; trying again\n`));
      if (isJson) ports.print(`${JSON.stringify({ event, forward: forwardView(forwarded) })}\n`);
      else if (forwarded?.isTaken === true) ports.print(`  ${answerLine(forwarded)}\n`);
      if (forwarded === undefined || forwarded.isTaken || signal.aborted) continue;
      notTaken += 1;
      ports.note(
        `  ${answerLine(forwarded)}; ${event.id} was not taken in ${forwarded.tries === 1 ? 'one try' : `${forwarded.tries} tries`}\n`,
      );
    }
    // Not caught up and no further: a writer has taken a number that it has not written yet.
    const isStuck = page.next_cursor === cursor;
    const isFirst = cursor === undefined;
    cursor = page.next_cursor;
    if (page.caught_up && isOnce) break;
    if (page.caught_up && !isWaiting) {
      isWaiting = true;
      ports.note('waiting for events\n');
    }
    const isIdle = page.data.length === 0 && (page.caught_up || isStuck) && !isFirst;
    if (isIdle && ports.nowMs() - askedAtMs < pollMs) await ports.pause(pollMs, signal);
  }
  ports.note(`${count(shown, 'event')}${notTaken === 0 ? '' : `, ${notTaken} of them not taken`}\n`);
  return { exitCode: isOnce && notTaken > 0 ? 1 : 0, output: '' };
}

/** As the engine takes it. */
function readSince(args: CommandArguments, isOnce: boolean): string {
  const since = textOption(args, 'since') ?? (isOnce ? 'beginning' : 'now');
  const start = parseFeedStart(since);
  if (start === undefined) throw new UnusableInput(`--since: got "${since}", expected ${feedStartForms}.`);
  return start.kind === 'time' ? new Date(start.timeMs).toISOString() : since;
}

function readTenant(args: CommandArguments): string | undefined {
  const isLocal = textOption(args, 'url') === undefined && textOption(args, 'key') === undefined;
  return textOption(args, 'tenant') ?? (isLocal ? demoTenant : undefined);
}

function readTarget(args: CommandArguments, signal: AbortSignal): ForwardTarget | undefined {
  const url = textOption(args, 'forward');
  const secret = textOption(args, 'secret');
  if (url === undefined) {
    if (secret !== undefined)
      throw new UnusableInput('--secret signs what is forwarded: expected --forward <url>, too.');
    return undefined;
  }
  if (!isWebUrl(url))
    throw new UnusableInput(`--forward: got "${url}", expected a URL such as http://localhost:3000/hooks.`);
  // The value is not shown: it may be one that signs elsewhere.
  if (secret !== undefined && !/^whsec_[A-Za-z0-9+/]{4,}={0,2}$/.test(secret))
    throw new UnusableInput('--secret: expected whsec_ and base64, as subscriptions have it.');
  return { url, secret: secret ?? encodeSecret(randomBytes(32)), signal };
}

/** A page of the feed: the first begins where it is asked to, the others where the one before ended. */
function feedCall(
  args: CommandArguments,
  tenant: string | undefined,
  from: { readonly since: string; readonly cursor: string | undefined; readonly wait: number | undefined },
): OperationCall<'readFeed'> {
  const { since, cursor, wait } = from;
  const query = {
    tenant,
    ...(cursor === undefined ? { since } : { cursor }),
    limit: String(pageSize),
    types: textOption(args, 'types'),
    resources: textOption(args, 'resources'),
    wait: wait?.toString(),
  };
  return { query };
}

function refused(args: CommandArguments, error: string): CommandResult {
  return { exitCode: 1, output: args.values['json'] === true ? `${JSON.stringify({ error })}\n` : `${error}\n` };
}

function eventLine({ timestamp, type, resource, record_id: record, id }: FeedEvent): string {
  return printable(`${timestamp} ${type} ${resource} ${record} ${id}`);
}

function answerLine({ status, error, body, durationMs }: Forwarded): string {
  if (status === null) return `-> ${error ?? 'no answer'}`;
  return printable(`-> ${status} in ${durationMs} ms ${body.slice(0, shownAnswer)}`).trimEnd();
}

function forwardView(forwarded: Forwarded | undefined) {
  if (forwarded === undefined) return null;
  const { isTaken, tries, status, error, body, durationMs } = forwarded;
  return { taken: isTaken, tries, status, error, body, duration_ms: durationMs };
}

/** On one line, and without what would steer the terminal: providers and endpoints choose these texts. */
function printable(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, ' ');
}
