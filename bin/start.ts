import { rm } from 'node:fs/promises';
import { localAdminKey, seedApiKey } from '../lib/local/admin-key.ts';
import { type LocalEngine, startLocalEngine } from '../lib/local/engine.ts';
import type { FunctionLogLine } from '../lib/local/sandbox/function-log.ts';
import { type Demo, demoSecret, runDemo } from '../lib/local/simulators/demo.ts';
import type { ReceivedCallback } from '../lib/local/simulators/demo-subscriber.ts';
import { describeOutcome } from '../lib/local/simulators/describe-outcome.ts';
import { synthesizeLocalAssembly } from '../lib/local/synthesize.ts';

const defaultPort = 8787;
const portText = process.env['PORT']?.trim() ?? '';
const port = portText === '' ? defaultPort : Number(portText);
const assemblyFolder = `.cache/start-${process.pid}`;
const verbose = process.argv.includes('--verbose');

let engine: LocalEngine | undefined;
let demo: Demo | undefined;
const synthesizing = new AbortController();
let stopping = false;

async function stop(status: number): Promise<void> {
  if (stopping) return;
  stopping = true;
  synthesizing.abort();
  await demo?.subscriber.stop();
  await engine?.stop();
  await rm(assemblyFolder, { recursive: true, force: true });
  process.exit(status);
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => void stop(0));

try {
  if (!Number.isInteger(port) || port < 0 || port > 65_535)
    throw new Error(`PORT must be a port number, got "${process.env['PORT']}"`);
  const assembly = await synthesizeLocalAssembly(assemblyFolder, synthesizing.signal);
  engine = await startLocalEngine({
    ...assembly,
    port,
    onLog: printLog,
    // What the team that runs a deployed engine would be told.
    onBusEvent: ({ detailType, detail }) => console.log(`notice ${detailType} ${JSON.stringify(detail)}`),
    onFailure: (error) => {
      console.error(error.message);
      void stop(1);
    },
  });
  await seedApiKey(engine, localAdminKey, null);
  demo = await runDemo(engine.url);
  demo.subscriber.onCallback(printCallback);
  printDemo(demo);
  console.log(`ready ${engine.url}`);
} catch (error) {
  if (!stopping) console.error(error instanceof Error ? error.message : error);
  await stop(1);
}

/** What went wrong is always shown, a request that came to nothing in one line; everything else on demand. */
function printLog({ function: name, stream, text }: FunctionLogLine): void {
  const outcome = describeOutcome(text);
  if (outcome !== undefined) console.log(outcome);
  if (verbose || stream !== 'stdout' || /"level":"(WARN|ERROR|CRITICAL)"/.test(text)) console.log(`[${name}] ${text}`);
}

function printCallback({ id, verified, body }: ReceivedCallback): void {
  const { type, resource, record_id: recordId } = JSON.parse(body) as Record<string, unknown>;
  console.log(
    `callback ${id} ${String(type)} ${String(resource)} ${String(recordId)} ${verified ? 'signature ok' : 'BAD SIGNATURE'}`,
  );
}

function printDemo({ accounts, subscriber, first }: Demo): void {
  console.log(
    `demo tenant "demo": an account of each of ${accounts.length} integrations, signed with "${demoSecret}":`,
  );
  console.log(`  ${accounts.map(({ integration }) => integration).join(' ')}`);
  console.log(`  webhook URL, for example: ${accounts[0]?.webhookUrl ?? ''}`);
  console.log(`demo subscriber ${subscriber.url} (verifies every callback)`);
  console.log(`admin key ${localAdminKey}`);
  console.log(`one event went the whole way in ${Math.round(first.elapsedMs)} ms:`);
  printCallback(first.callback);
}
