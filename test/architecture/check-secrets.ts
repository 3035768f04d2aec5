/**
 * Check that no file of the repository holds a secret. Secrets of samples, vectors and tests are made up: the list below
 * names their files, each with the reason.
 *
 * A check that reads nothing would pass, so it also fails when it reads no file, and when an entry allows nothing.
 */
import { readFileSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { listFiles, repository } from './repository-files.ts';
import { type AllowedSecrets, findSecrets, judgeSecrets } from './secret-finder.ts';

const allowed: readonly AllowedSecrets[] = [
  {
    files: /^test\/integrations\/vectors\.json$/,
    kinds: ['assigned-secret', 'json-web-token', 'webhook-secret'],
    reason: "Examples from the providers' own documentation, with the signature that they print for them.",
  },
  {
    files: /^integrations\/aws-sns\/samples\/(subscription|unsubscribe)-confirmation\.json$/,
    kinds: ['assigned-secret'],
    reason: "The token of the example in Amazon SNS's documentation.",
  },
  {
    files: /^integrations\/msgraph\/exchanges\/(credentials-user|event-get-own|message-get-own)\.json$/,
    kinds: ['assigned-secret'],
    reason: 'The begin of a token, which the simulated provider accepts.',
  },
  {
    files: /^lambdas\/engine\/api\/operations\/(access|portal|subscription)-operations\.ts$/,
    kinds: ['assigned-secret', 'tributary-key', 'webhook-secret'],
    reason: 'Examples in the OpenAPI document. No deployment has these keys.',
  },
  {
    files: /^test\/(bench\/stages\/event-way|unit\/engine\/signing\/(signing-keys|standard-webhooks)\.test)\.ts$/,
    kinds: ['assigned-secret', 'webhook-secret'],
    reason: 'The secret and the key of the examples of Standard Webhooks.',
  },
];

const texts = listFiles().flatMap((file) => {
  const path = resolve(repository, file);
  if (!(statSync(path, { throwIfNoEntry: false })?.isFile() ?? false)) return [];
  const bytes = readFileSync(path);
  return bytes.includes(0) ? [] : [[file, bytes.toString('utf8')] as const];
});
const found = texts.flatMap(([file, text]) => findSecrets(file, text));
const { refused, unused } = judgeSecrets(found, allowed);

const faults = [
  ...refused.map(({ file, line, kind, begin }) => `${file}:${line}: ${begin}… looks like a secret (${kind})`),
  ...unused.map(({ files, kinds }) => `${files.source}: holds no ${kinds.join(' or ')}: remove the entry`),
  ...(texts.length === 0 ? ['No file was read.'] : []),
];
for (const fault of faults) process.stderr.write(`${fault}\n`);
process.stdout.write(`${texts.length} files, ${found.length} made-up secrets, ${faults.length} faults\n`);
process.exitCode = faults.length === 0 ? 0 : 1;
