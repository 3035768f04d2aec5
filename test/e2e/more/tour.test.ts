import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { useRunningEngine } from '../running-engine.ts';

/*
 * Runs the API tour in docs/tour.md as a reader would: one bash, command by command. A comment after a command holds
 * its output: `…` matches anything, and white space is ignored.
 */

interface Step {
  readonly command: string;
  readonly expected: string | undefined;
}

/** The commands of the tour, each with its expected output. */
function stepsOf(tour: string): readonly Step[] {
  return [...tour.matchAll(/```sh\n(.*?)```/gs)].flatMap(([, block = '']) => {
    const steps: Step[] = [];
    let command: string[] = [];
    for (const line of block.split('\n')) {
      if (!line.startsWith('# ')) {
        command.push(line);
        continue;
      }
      steps.push({ command: command.join('\n'), expected: line.slice(2) });
      command = [];
    }
    if (command.join('').trim() !== '') steps.push({ command: command.join('\n'), expected: undefined });
    return steps;
  });
}

const running = useRunningEngine();
const steps = stepsOf(readFileSync(new URL('../../../docs/tour.md', import.meta.url), 'utf8'));

/** One bash that keeps variables and functions between commands. */
function startShell(environment: Readonly<Record<string, string>>) {
  // A group of its own, so that what it leaves in the background ends with it.
  const shell = spawn('bash', ['--noprofile', '--norc'], { env: { ...process.env, ...environment }, detached: true });
  let output = '';
  let look = () => {};
  for (const stream of [shell.stdout, shell.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
      look();
    });
  return {
    async run(command: string): Promise<string> {
      const mark = `done ${randomUUID()}`;
      output = '';
      shell.stdin.write(`${command}\necho "${mark}"\n`);
      await new Promise<void>((resolve) => {
        look = () => {
          if (output.includes(mark)) resolve();
        };
        look();
      });
      return output.slice(0, output.indexOf(mark));
    },
    stop: () => process.kill(-(shell.pid as number)),
  };
}

const packed = (text: string) => text.replaceAll(/\s+/g, '');

test('the tour of the API works, command by command', { timeout: 120_000 }, async () => {
  const shell = startShell({ API: running().engine.url });
  try {
    expect(steps.length).toBeGreaterThan(20);
    for (const { command, expected } of steps) {
      const printed = packed(await shell.run(command));
      if (expected === undefined) continue;
      const pattern = packed(expected)
        .split('…')
        .map((part) => part.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`))
        .join('.*');
      expect(printed, command).toMatch(new RegExp(`^${pattern}`));
    }
  } finally {
    shell.stop();
  }
});
