#!/usr/bin/env node
/** The command line: `npm run tributary -- <command>`. */
import { createInterface } from 'node:readline/promises';
import { fileURLToPath } from 'node:url';
import { runCommandLine } from '../lib/cli/run-command-line.ts';

const isTerminal = process.stdin.isTTY && process.stdout.isTTY;

async function ask(question: string, fallback: string): Promise<string> {
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  try {
    return (await terminal.question(`${question}${fallback === '' ? '' : ` [${fallback}]`}: `)) || fallback;
  } finally {
    terminal.close();
  }
}

const argv = process.argv.slice(2);
try {
  const { exitCode, output } = await runCommandLine(argv, {
    integrations: fileURLToPath(new URL('../integrations/', import.meta.url)),
    nowMs: Date.now,
    fetch,
    ...(isTerminal ? { ask } : {}),
  });
  process.exitCode = exitCode;
  (exitCode === 2 && !argv.includes('--json') ? process.stderr : process.stdout).write(output);
} catch (error) {
  // 1 is an answer: a fault of the command line's own must not look like one.
  process.exitCode = 2;
  console.error(error);
}
