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
import { engineOptionsHelp, isWebUrl } from '../engine/engine-call.ts';
import { moveDeadLetters } from '../engine/move-dead-letters.ts';
import { sendAgain, windowOptions, windowOptionsHelp } from './replay-events.ts';

export const redriveCommand: Command = {
  name: 'redrive',
  positionals: ['[subscription]'],
  summary: 'retry the failed deliveries of a subscription, or the messages of a dead-letter queue',
  help: [
    'For a subscription: failed or cancelled deliveries, like "replay --mode failed", with',
    ...windowOptionsHelp.map((line) => `  ${line}`),
    ...engineOptionsHelp.map((line) => `  ${line}`),
    'For a queue: messages that failed because of a fault in the engine; fix it first:',
    '  --queue <url>       URL of the dead-letter queue; messages that become dead letters meanwhile stay there',
    '  --to <url>          URL of the target queue (default: the queue that the dead letters came from)',
    '  --dry-run           count, move nothing',
    '  It uses the AWS credentials of the environment (AWS_PROFILE, …; AWS_ENDPOINT_URL_SQS for another endpoint),',
    '  and needs sqs:ListDeadLetterSourceQueues, GetQueueAttributes, ReceiveMessage, DeleteMessage and SendMessage.',
    'For requests that one integration could not map: "reprocess <integration>".',
    'Exit status: 0 done or started, 1 rejected, failed or interrupted, 2 unusable input.',
  ],
  options: { ...windowOptions, queue: { type: 'string' }, to: { type: 'string' } },
  run(args, ports) {
    const queue = textOption(args, 'queue');
    const ofQueue = ['queue', 'to'];
    const ofEither = ['dry-run', 'json'];
    const isForQueue = args.positionals.length === 0;
    if (isForQueue === (queue === undefined))
      throw new UnusableInput('Expected either a subscription, or --queue <url of a dead-letter queue>.');
    const stray = Object.keys(args.values).find(
      (name) => !ofEither.includes(name) && ofQueue.includes(name) !== isForQueue,
    );
    if (stray !== undefined)
      throw new UnusableInput(`--${stray} has no meaning for ${isForQueue ? 'a queue' : 'a subscription'}.`);
    return queue === undefined ? sendAgain(args, ports, { mode: 'failed' }) : redriveQueue(args, ports, queue);
  },
};

async function redriveQueue(args: CommandArguments, ports: CommandPorts, from: string): Promise<CommandResult> {
  const to = textOption(args, 'to');
  for (const [option, url] of Object.entries({ queue: from, to }))
    if (url !== undefined && !isWebUrl(url))
      throw new UnusableInput(`--${option}: got "${url}", expected the URL of a queue.`);
  if (from === to) throw new UnusableInput('--to: got the dead-letter queue itself, expected another queue.');
  const isDryRun = args.values['dry-run'] === true;
  const move = await moveDeadLetters({ from, to, isDryRun, nowMs: ports.nowMs(), signal: ports.interruption() });
  switch (move.kind) {
    case 'counted': {
      const { letters } = move;
      const text = `would move about ${count(letters, 'message')} to ${move.to}`;
      return { exitCode: 0, output: present(args, { dry_run: true, from, to: move.to, messages: letters }, [text]) };
    }
    case 'failed': {
      const { error, moved } = move;
      const before = moved === 0 ? [] : [`moved ${count(moved, 'message')}, then:`];
      return { exitCode: 1, output: present(args, { from, moved, error }, [...before, error]) };
    }
    case 'moved': {
      const { moved, left, isInterrupted } = move;
      return {
        exitCode: isInterrupted ? 1 : 0,
        output: present(args, { from, to: move.to, moved, left, interrupted: isInterrupted }, [
          `moved ${count(moved, 'message')} to ${move.to}`,
          ...(left === 0 ? [] : [`left ${count(left, 'message')}: dead letters since the start`]),
          ...(isInterrupted ? ['There may be more: the command was interrupted.'] : []),
        ]),
      };
    }
  }
}
