import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { App, Duration, RemovalPolicy, Stack } from 'aws-cdk-lib';
import { RetentionDays } from 'aws-cdk-lib/aws-logs';
import { afterAll, describe, expect, test } from 'vitest';
import { EngineFunction, type FunctionEnvironment } from '../../lib/constructs/engine-function.ts';
import { bundleFunction } from '../../lib/constructs/function-bundle.ts';
import { OperatorAlarms } from '../../lib/constructs/operator-alarms.ts';
import { WorkQueue } from '../../lib/constructs/work-queue.ts';

const workspace = mkdtempSync(join(tmpdir(), 'tributary-bundle-'));
afterAll(() => rmSync(workspace, { recursive: true, force: true }));

/** Write sources into a new directory; the first is the entry. */
function sources(files: Readonly<Record<string, string>>): string {
  const directory = mkdtempSync(join(workspace, 'source-'));
  for (const [name, text] of Object.entries(files)) {
    writeFileSync(join(directory, name), text);
  }
  return join(directory, Object.keys(files)[0] ?? '');
}

const echo = {
  'echo.lambda.ts': `
    import legacy from './legacy.cjs';
    export const handler = async (event: { lazy: boolean }) =>
      event.lazy ? (await import('./lazy.ts')).answer : legacy('a', 'b');
  `,
  'lazy.ts': "export const answer: string = 'only when asked';",
  'legacy.cjs': "const name = 'node:path'; module.exports = (...parts) => require(name).posix.join(...parts);",
};

describe('bundleFunction', () => {
  test('bundles to ESM that Lambda can load, CommonJS libraries included, and keeps a lazy import in a separate chunk', async () => {
    const { directory, metafilePath } = bundleFunction({ entry: sources(echo) });
    const { handler } = await import(pathToFileURL(join(directory, 'index.mjs')).href);
    expect(await handler({ lazy: false })).toBe('a/b');
    expect(await handler({ lazy: true })).toBe('only when asked');
    expect(readFileSync(join(directory, 'index.mjs'), 'utf8')).not.toContain('only when asked');
    expect(readFileSync(join(directory, 'index.mjs.map'), 'utf8')).toContain('echo.lambda.ts');
    expect(Object.keys(JSON.parse(readFileSync(metafilePath, 'utf8')).outputs).length).toBeGreaterThan(2);
  });

  test('places compiled integrations next to the code', () => {
    const integrations = new Map([
      ['github', { name: 'github' }],
      ['a', {}],
    ]);
    const { directory } = bundleFunction({ entry: sources(echo), integrations });
    expect(readdirSync(join(directory, 'integrations')).sort()).toEqual(['a.json', 'github.json']);
    expect(JSON.parse(readFileSync(join(directory, 'integrations', 'github.json'), 'utf8'))).toEqual({
      name: 'github',
    });
  });

  test('places the schemas of resources next to the code, in one file', () => {
    const resources = new Map([['hris/employees', { version: '1.0.0' }]]);
    const { directory } = bundleFunction({ entry: sources(echo), resources });
    expect(JSON.parse(readFileSync(join(directory, 'resources.json'), 'utf8'))).toEqual(Object.fromEntries(resources));
    expect(readdirSync(bundleFunction({ entry: sources(echo) }).directory)).not.toContain('resources.json');
  });

  test('gives the same directory for the same sources, and another when a definition changes', () => {
    const entry = sources(echo);
    const before = bundleFunction({ entry, integrations: new Map([['a', { version: 1 }]]) });
    expect(bundleFunction({ entry, integrations: new Map([['a', { version: 1 }]]) })).toEqual(before);
    expect(bundleFunction({ entry, integrations: new Map([['a', { version: 2 }]]) }).directory).not.toBe(
      before.directory,
    );
  });

  test('fails when the entry does not compile, and names the place', () => {
    expect(() => bundleFunction({ entry: sources({ 'broken.lambda.ts': "import './missing.ts';" }) })).toThrow(
      /broken\.lambda\.ts:1:7: ERROR: Could not resolve "\.\/missing\.ts"/,
    );
  });
});

function deliverIn(stack: Stack, change: { readonly timeout?: Duration; readonly environment?: object } = {}) {
  const environment = {
    TRIBUTARY_STAGE: 'dev',
    TRIBUTARY_LOG_LEVEL: 'info',
    TRIBUTARY_LOG_SAMPLE_RATIO: '1',
    TRIBUTARY_TRACE_SAMPLE_RATIO: '1',
    TRIBUTARY_OTLP_ENDPOINT: '',
    TRIBUTARY_OTLP_HEADERS_PARAMETER: '',
    TRIBUTARY_PUBLIC_URL: 'https://hooks.example.com',
    TRIBUTARY_CLAIM_THRESHOLD_BYTES: '8192',
    TRIBUTARY_EGRESS_ALLOW_HTTP: 'false',
    TRIBUTARY_TENANTS_TABLE: 't',
    TRIBUTARY_SUBSCRIPTIONS_TABLE: 's',
    TRIBUTARY_EVENTS_TABLE: 'e',
    TRIBUTARY_IDEMPOTENCY_TABLE: 'i',
    TRIBUTARY_DELIVERIES_TABLE: 'd',
    TRIBUTARY_LIMITS_TABLE: 'l',
    TRIBUTARY_PAYLOADS_BUCKET: 'p',
    TRIBUTARY_DELIVERY_QUEUE_URL: 'q',
    TRIBUTARY_DRAIN_QUEUE_URL: 'dq',
    TRIBUTARY_RETENTION_DAYS: '30',
    TRIBUTARY_EGRESS_ALLOWED_RANGES: '',
    TRIBUTARY_OWN_ORIGINS: 'https://hooks.example.com',
  } satisfies FunctionEnvironment<'deliver'>;
  const alarms = new OperatorAlarms(stack, 'Alarms', { removalPolicy: RemovalPolicy.DESTROY });
  const deliver = new EngineFunction(stack, 'Deliver', {
    name: 'deliver',
    bundle: bundleFunction({ entry: sources(echo) }),
    environment: { ...environment, ...change.environment },
    timeout: change.timeout ?? Duration.seconds(60),
    memorySizeMb: 512,
    logRetention: RetentionDays.ONE_DAY,
    alarms,
    removalPolicy: RemovalPolicy.DESTROY,
  });
  return { alarms, deliver };
}

describe('EngineFunction', () => {
  test('fails when its environment has a key that the function does not read', () => {
    expect(() => deliverIn(new Stack(new App()), { environment: { TRIBUTARY_AUDIT_TABLE: 'x' } })).toThrow(
      /^Environment of deliver: not expected TRIBUTARY_AUDIT_TABLE; got .*; expected TRIBUTARY_STAGE, TRIBUTARY_LOG_LEVEL, /,
    );
  });
});

describe('WorkQueue', () => {
  test('fails when its consumer has another timeout than the queue', () => {
    const stack = new Stack(new App(), 'Test');
    const { alarms, deliver } = deliverIn(stack, { timeout: Duration.seconds(90) });
    const queue = new WorkQueue(stack, 'Queue', {
      name: 'delivery-queue',
      consumerTimeout: Duration.seconds(60),
      stuckAfter: Duration.minutes(25),
      alarms,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    expect(() => queue.consumedBy(deliver, 2, { size: 10 })).toThrow(
      'Test/Queue: got a consumer with a timeout of 90 s, expected 60 s; give both the same limit',
    );
  });
});
