import { simulations } from '../../../lambdas/engine/api/operations/subscription-operations.ts';
import {
  type Command,
  type CommandArguments,
  type CommandPorts,
  type CommandResult,
  count,
  present,
} from '../command.ts';
import { callOperation } from '../engine/api-client.ts';
import { engineOptions, engineOptionsHelp } from '../engine/engine-call.ts';

export const checkSubscriberCommand: Command = {
  name: 'check-subscriber',
  positionals: ['<subscription>'],
  summary: 'post a test event and every difficult situation to an endpoint, and print the verdicts',
  help: [
    ...engineOptionsHelp,
    'The engine posts, with the secrets and the options of the subscription. The endpoint gets some thirty test events.',
    'Exit status: 0 the endpoint passes, 1 it fails or the engine rejected a call, 2 unusable input.',
  ],
  options: engineOptions,
  run: checkSubscriber,
};

type Situation = (typeof simulations)[number];

interface Verdict {
  /** Null for a single, ordinary test event. */
  readonly situation: Situation | null;
  /** Null where the engine does not test the situation at this destination. */
  readonly passed: boolean | null;
  /** What a receiver must do, or why it is not tested. */
  readonly expected: string;
  /** The status of each post, or its error. */
  readonly answers: readonly (number | string)[];
}

/** Statuses that say that a call can be understood, and not be done for this subscription. */
const notApplicable = 422;

async function checkSubscriber(args: CommandArguments, ports: CommandPorts): Promise<CommandResult> {
  const [id = ''] = args.positionals;
  const verdicts: Verdict[] = [];
  // One after the other: the engine lets few tests of a key run at the same time, and each is a story of its own.
  for (const situation of [null, ...simulations]) {
    const body = situation === null ? {} : { simulate: situation };
    const call = await callOperation(args, ports, 'testSubscription', { params: { id }, body });
    if (call.kind === 'answered') {
      const { passed, expected, posts } = call.body;
      const answers = posts.map(({ status, error }) => status ?? error ?? 'no answer');
      verdicts.push({ situation, passed, expected, answers });
    } else if (situation !== null && call.status === notApplicable)
      verdicts.push({ situation, passed: null, expected: call.error, answers: [] });
    else return { exitCode: 1, output: present(args, { error: call.error, verdicts }, [call.error]) };
  }
  const failed = verdicts.filter(({ passed }) => passed === false);
  const summary = failed.length === 0 ? 'the endpoint passes' : `${count(failed.length, 'situation')} failed`;
  return {
    exitCode: failed.length === 0 ? 0 : 1,
    output: present(args, { passed: failed.length === 0, verdicts }, [...verdicts.map(toLine), summary]),
  };
}

function toLine({ situation, passed, expected, answers }: Verdict): string {
  const name = (situation ?? 'a test event').padEnd(14);
  if (passed === null) return `--   ${name} not tested: ${expected}`;
  const answered = [...Map.groupBy(answers, String)].map(([answer, all]) =>
    all.length === 1 ? answer : `${answer} (${all.length} times)`,
  );
  return `${passed ? 'ok  ' : 'FAIL'} ${name} answered ${answered.join(', ')}${passed ? '' : `. Expected: ${expected}`}`;
}
