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

/** Long-poll time: how long the engine may wait for events before it answers. */
const waitSeconds = limits.feedMaxWaitMs / 1000;
/** Pause after an empty answer that came early, because too many calls wait (`tributary-wait: full`). */
const pollMs = 1_000;
/** Maximum of events in a page of the feed. */
const pageSize = 500;
/** Attempts at a page with --once; without it the command waits for the engine. */
const scriptTries = 4;
/** The tenant of the accounts that `npm start` creates. */
const demoTenant = 'demo';
/** Characters of an answer that a line shows. */
const shownAnswer = 200;

export const listenCommand: Command = {
  name: 'listen',
  positionals: [],
  summary: "show a tenant's events as they arrive, and forward them to a URL on this machine as signed callbacks",
  help: [
    `--tenant <name>     tenant of the events (default: the key's; ${demoTenant} with the key of the local engine)`,
    '--forward <url>     post each event there, in order, as a Standard Webhooks callback; 4 attempts, then the next',
    '--secret <whsec_…>  signing secret (default: a new one, which is shown at the start)',
    '--types <list>      record:*, record:created, delivery.exhausted, …, separated by commas (default: all records)',
    '--resources <list>  hris/employees, crm/*, …, separated by commas (default: all)',
    '--since <when>      now, beginning, an ISO 8601 time, or a sequence number (default: now; with --once: beginning)',
    '--once              end after the last stored event',
    ...engineOptionsHelp,
    'With --json each event is one line, {"event": {…}, "forward": {…} or null}; notes go to standard error.',
    'Ctrl-C ends it. Its posts are not deliveries of the engine: the engine does not record them or act on failures.',
    'Exit status: 0 ended, 1 the engine rejected the call or, with --once, an event was not accepted, 2 unusable input.',
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

/** An event of the feed, forwarded unchanged. */
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
    // The first call sets the cursor. It does not wait, so a mistake shows immediately.
    const wait = isOnce || cursor === undefined ? undefined : waitSeconds;
    const asked = feedCall(args, tenant, { since, cursor, wait });
    const askedAtMs = ports.nowMs();
    // Only one attempt at first, so a mistake shows immediately; later the engine may be restarting.
    const tries = isOnce ? scriptTries : cursor === undefined ? 1 : Number.POSITIVE_INFINITY;
    const call = await callOperationPatiently(args, ports, 'readFeed', asked, { signal, tries });
    if (signal.aborted) break;
    if (call.kind === 'refused') return refused(args, call.error);
    const page = call.body;
    for (const event of page.data) {
      if (signal.aborted) break;
      shown += 1;
      // Print before forwarding, so the output names the event on which an endpoint hangs.
      if (!isJson) ports.print(`${eventLine(event)}\n`);
      const forwarded =
        target === undefined
          ? undefined
          : await forwardEvent(ports, target, event, (failed) => ports.note(`  ${answerLine(failed)}; retrying\n`));
      if (isJson) ports.print(`${JSON.stringify({ event, forward: forwardView(forwarded) })}\n`);
      else if (forwarded?.isTaken === true) ports.print(`  ${answerLine(forwarded)}\n`);
      if (forwarded === undefined || forwarded.isTaken || signal.aborted) continue;
      notTaken += 1;
      ports.note(
        `  ${answerLine(forwarded)}; ${event.id} was not accepted in ${forwarded.tries === 1 ? 'one attempt' : `${forwarded.tries} attempts`}\n`,
      );
    }
    // Neither caught up nor advanced: a writer has reserved a sequence number that it has not written yet.
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
  ports.note(`${count(shown, 'event')}${notTaken === 0 ? '' : `, ${notTaken} of them not accepted`}\n`);
  return { exitCode: isOnce && notTaken > 0 ? 1 : 0, output: '' };
}

/** The start in the form of the API. */
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
      throw new UnusableInput('--secret signs forwarded events: expected --forward <url>, too.');
    return undefined;
  }
  if (!isWebUrl(url))
    throw new UnusableInput(`--forward: got "${url}", expected a URL such as http://localhost:3000/hooks.`);
  // The message omits the value: it may be a real signing secret.
  if (secret !== undefined && !/^whsec_[A-Za-z0-9+/]{4,}={0,2}$/.test(secret))
    throw new UnusableInput('--secret: expected whsec_ and base64, as in a subscription.');
  return { url, secret: secret ?? encodeSecret(randomBytes(32)), signal };
}

/** The call for a page of the feed: the first page begins at `since`, the others at the cursor. */
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

/** Make a text one line without control characters: providers and endpoints choose it. */
function printable(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, ' ');
}
