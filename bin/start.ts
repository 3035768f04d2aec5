import { rm } from 'node:fs/promises';
import { localAdminKey, seedApiKey } from '../lib/local/admin-key.ts';
import { type LocalEngine, startLocalEngine } from '../lib/local/engine.ts';
import { type Chaos, createChaos, parseChaosRates } from '../lib/local/faults/chaos.ts';
import type { FunctionLogLine } from '../lib/local/sandbox/function-log.ts';
import { type Demo, runDemo } from '../lib/local/simulators/demo.ts';
import { type DemoCrm, startCrmChanges, startDemoCrm } from '../lib/local/simulators/demo-crm.ts';
import { demoSecret } from '../lib/local/simulators/demo-keys.ts';
import type { ReceivedCallback } from '../lib/local/simulators/demo-subscriber.ts';
import { describeOutcomes } from '../lib/local/simulators/describe-outcome.ts';
import type { SteadyChanges } from '../lib/local/simulators/provider/records/steady-changes.ts';
import { type SteadyTraffic, startSteadyTraffic } from '../lib/local/simulators/steady-traffic.ts';
import { synthesizeLocalAssembly } from '../lib/local/synthesize.ts';

const defaultPort = 8787;
const portText = process.env['PORT']?.trim() ?? '';
const port = portText === '' ? defaultPort : Number(portText);
const assemblyFolder = `.cache/start-${process.pid}`;
const verbose = process.argv.includes('--verbose');
const chaosFlag = process.argv.find((argument) => /^--chaos(=|$)/.test(argument));
/** Origins that stand-ins serve: `--host https://api.example.com=http://127.0.0.1:4001`, repeatable. */
const hosts = process.argv.flatMap((argument, index) =>
  argument === '--host' ? [process.argv[index + 1] ?? ''] : argument.startsWith('--host=') ? [argument.slice(7)] : [],
);
const chaosReportMs = 10_000;

let engine: LocalEngine | undefined;
let demo: Demo | undefined;
let crm: DemoCrm | undefined;
let traffic: SteadyTraffic | undefined;
let changes: SteadyChanges | undefined;
const synthesizing = new AbortController();
let stopping = false;

async function stop(status: number): Promise<void> {
  if (stopping) return;
  stopping = true;
  synthesizing.abort();
  traffic?.stop();
  changes?.stop();
  await demo?.subscriber.stop();
  await crm?.provider.stop();
  await engine?.stop();
  await rm(assemblyFolder, { recursive: true, force: true });
  process.exit(status);
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => void stop(0));

try {
  if (!Number.isInteger(port) || port < 0 || port > 65_535)
    throw new Error(`PORT must be a port number, got "${process.env['PORT']}"`);
  const rates = chaosFlag === undefined ? undefined : parseChaosRates(chaosFlag.split('=').slice(1).join('='));
  const chaos =
    rates === undefined
      ? undefined
      : createChaos(rates, Math.random, ({ caller, operation }) =>
          console.log(`chaos kills ${caller} after its ${operation}`),
        );
  // Synthesis is the longest step, in a process of its own.
  const [started, assembly] = await Promise.all([
    startDemoCrm(),
    synthesizeLocalAssembly(assemblyFolder, synthesizing.signal),
  ]);
  crm = started;
  engine = await startLocalEngine({
    ...assembly,
    port,
    ...(chaos === undefined ? {} : { judgeCall: chaos.judge }),
    hosts: [crm.host, ...hosts],
    onLog: printLog,
    // The notices that the operators of a deployed engine would receive.
    onAlarm: ({ alarm, state }) =>
      console.log(state === 'OK' ? `alarm over: ${alarm.path}` : `ALARM ${alarm.path}: ${alarm.description}`),
    onBusEvent: ({ detailType, detail }) => console.log(`notice ${detailType} ${JSON.stringify(detail)}`),
    onFailure: (error) => {
      console.error(error.message);
      void stop(1);
    },
  });
  await seedApiKey(engine, localAdminKey, null);
  demo = await runDemo(engine.url, crm.provider);
  demo.subscriber.onCallback(printCallback);
  printDemo(demo, engine.url);
  console.log(`ready ${engine.url}`);
  changes = startCrmChanges(crm, (error) => console.error(`the simulated CRM: ${error.message}`));
  if (chaos !== undefined) {
    const stated = Object.entries(rates ?? {}).map(([kind, percent]) => `${percent} ${kind}`);
    console.log(`chaos begins: of 100 AWS requests, and of 100 callbacks, ${stated.join(', ')}`);
    traffic = runChaos(chaos, demo);
  }
} catch (error) {
  if (!stopping) console.error(error instanceof Error ? error.message : error);
  await stop(1);
}

/** Start chaos and a steady stream of events, and report their state every ten seconds. */
function runChaos(chaos: Chaos, { accounts, subscriber }: Demo): SteadyTraffic {
  const account = accounts.find(({ integration }) => integration === 'generic-hmac');
  if (account === undefined) throw new Error('the demo has no account of generic-hmac');
  const stream = startSteadyTraffic(account.webhookUrl, demoSecret);
  subscriber.onCallback(({ body }) => stream.arrived(String((JSON.parse(body) as { record_id?: unknown }).record_id)));
  subscriber.disturb(chaos.strike);
  chaos.begin();
  setInterval(() => {
    const { accepted, resent, arrived, repeated, oldestSeconds } = stream.report();
    const struck = Object.entries(chaos.counts()).map(([kind, times]) => `${times} ${kind}`);
    console.log(
      `chaos: ${accepted} events accepted (${resent} requests sent again), ${arrived} arrived (${repeated} callbacks more than once), ` +
        `${accepted - arrived} on their way, the oldest for ${oldestSeconds} s; ${struck.join(', ')}`,
    );
  }, chaosReportMs).unref();
  return stream;
}

/** Always show failures, and one line per request without effect; show everything else with --verbose. */
function printLog({ function: name, stream, text }: FunctionLogLine): void {
  for (const outcome of describeOutcomes(text)) console.log(outcome);
  if (verbose || stream !== 'stdout' || /"level":"(WARN|ERROR|CRITICAL)"/.test(text)) console.log(`[${name}] ${text}`);
}

function printCallback({ id, verified, body }: ReceivedCallback): void {
  const { type, resource, record_id: recordId, origin } = JSON.parse(body) as Record<string, unknown>;
  console.log(
    `callback ${id} ${String(type)} ${String(resource)} ${String(recordId)} by ${String(origin)}, ${verified ? 'signature ok' : 'BAD SIGNATURE'}`,
  );
}

function printDemo({ accounts, subscriber, first, enriched, polled, consoleUrl }: Demo, engineUrl: string): void {
  console.log(
    `demo tenant "demo": an account of each of ${accounts.length} integrations, signed with "${demoSecret}":`,
  );
  console.log(`  ${accounts.map(({ integration }) => integration).join(' ')}`);
  console.log(`  webhook URL, for example: ${accounts[0]?.webhookUrl ?? ''}`);
  console.log(`demo subscriber ${subscriber.url} (verifies every callback)`);
  console.log(`admin key ${localAdminKey}`);
  console.log(`one event went the whole way in ${Math.round(first.elapsedMs)} ms:`);
  printCallback(first.callback);
  console.log(
    `a webhook that only names its record became a full event in ${Math.round(enriched.elapsedMs)} ms: the engine read the record from the simulated CRM:`,
  );
  printCallback(enriched.callback);
  console.log(
    `a sync found a record that the CRM changed without a webhook, ${Math.round(polled.elapsedMs)} ms after it was asked to run; every minute it runs by itself:`,
  );
  printCallback(polled.callback);
  console.log(`console ${consoleUrl}`);
  console.log('  opens once, as a partner of the demo tenant');
  console.log(`console ${engineUrl}/console`);
  console.log(`  for the operator: sign in with ${localAdminKey}`);
}
