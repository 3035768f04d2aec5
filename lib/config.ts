import { BlockList, isIP } from 'node:net';
import { z } from 'zod';
import { limits } from '../lambdas/contracts/limits.ts';

export const stages = ['local', 'dev', 'staging', 'prod'] as const;
export type Stage = (typeof stages)[number];

/** Every fault of a deployer's configuration, one a line. */
export class ConfigurationError extends Error {
  override readonly name = 'ConfigurationError';
  readonly faults: readonly string[];

  constructor(faults: readonly string[]) {
    super(
      `The configuration has ${faults.length} fault${faults.length === 1 ? '' : 's'}:\n${faults.map((fault) => `  - ${fault}`).join('\n')}`,
    );
    this.faults = faults;
  }
}

/**
 * Retention periods that CloudWatch Logs accepts.
 *
 * @see https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html
 */
const logRetentionChoices = [
  1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
];

/**
 * What a deployer may set. Each setting's description is what a fault says was expected.
 *
 * @example `npx cdk deploy -c stage=prod -c retentionDays=90`
 * @example cdk.json: `"context": { "tributary": { "retentionDays": 60, "stages": { "prod": { "alarmEmail": "ops@example.com" } } } }`
 */
const settingsSchema = z.strictObject({
  /**
   * Days that events, their payloads and their deliveries are kept. A tenant may have its own kept for a
   * shorter time, never for a longer one.
   * @default 30
   */
  retentionDays: wholeNumber(1, 3650, 'days'),
  /**
   * Days that the raw archive keeps what providers sent; more than the 28 that a message may wait
   * in its queue and then in the dead-letter queue, so that none outlives the body it refers to. A tenant may
   * have its own kept for a shorter time: a request that waits for longer than that is lost to it.
   * @default 90 in prod, 30 elsewhere
   */
  rawRetentionDays: wholeNumber(29, 3650, 'days'),
  /**
   * Days that the audit is kept. In prod no user of the AWS account, its root user included, can change or delete an
   * entry's copy in S3 before then, and a smaller number applies to new entries only (Object Lock, compliance mode).
   * @default 400
   */
  auditRetentionDays: wholeNumber(1, 3650, 'days'),
  /**
   * Days that logs are kept.
   * @default 90 in prod, 14 elsewhere
   */
  logRetentionDays: numeric(z.number().refine((days) => logRetentionChoices.includes(days))).describe(
    `a number of days that CloudWatch Logs accepts (${logRetentionChoices.join(', ')})`,
  ),
  /**
   * Bytes above which a payload goes to S3; 0 sends all there. Kept well below what an SQS message
   * (1 MiB) and a DynamoDB item (400 KB) hold, as a body may grow six times in JSON.
   * @default 8192
   */
  claimThresholdBytes: wholeNumber(0, 64 * 1024, 'bytes'),
  /**
   * Requests per second that a route of the HTTP API takes before it answers 429, where it has no rate of its own.
   * Each route counts for itself: a flood of one leaves the others theirs.
   * @default 2000
   * @see https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-throttling.html
   */
  throttleRatePerSecond: wholeNumber(1, 1_000_000, 'requests per second'),
  /**
   * Requests that such a route takes at once above the rate.
   * @default 4000
   */
  throttleBurst: wholeNumber(1, 1_000_000, 'requests'),
  /**
   * Webhooks per second at `/in/{integration}/{account}`, and as many at `/in/{integration}`.
   * @default throttleRatePerSecond
   */
  ingressThrottleRatePerSecond: wholeNumber(1, 1_000_000, 'requests per second').optional(),
  /**
   * Webhooks that each of the two takes at once above the rate.
   * @default throttleBurst
   */
  ingressThrottleBurst: wholeNumber(1, 1_000_000, 'requests').optional(),
  /**
   * Calls of the API per second, all keys together.
   * @default 500
   */
  apiThrottleRatePerSecond: wholeNumber(1, 1_000_000, 'requests per second'),
  /**
   * Calls of the API that are taken at once above the rate.
   * @default 1000
   */
  apiThrottleBurst: wholeNumber(1, 1_000_000, 'requests'),
  /**
   * Calls of the API that one key may make in a minute, and at once, where the key itself says nothing else.
   * @default 3000; 60000 in local
   */
  apiKeyRatePerMinute: wholeNumber(1, 1_000_000, 'calls'),
  /**
   * Calls of the API that all keys of one tenant together may make in a minute, and at once.
   * @default 6000; 60000 in local
   */
  apiTenantRatePerMinute: wholeNumber(1, 1_000_000, 'calls'),
  /**
   * Webhooks that one account may bring in a minute, and at once; more are answered 429 with `Retry-After`. Instances
   * of ingress count apart and settle with each other in blocks: together they may let through a little more, each a
   * 600th of this.
   * @default 12000; 1000000 in local
   */
  ingressAccountRatePerMinute: wholeNumber(1, 10_000_000, 'webhooks'),
  /**
   * The same of all accounts of one tenant together.
   * @default 60000; 1000000 in local
   */
  ingressTenantRatePerMinute: wholeNumber(1, 10_000_000, 'webhooks'),
  /**
   * Calls of one key that may hold a function while they wait at the same time: `wait` of the feed and of leases, tests
   * of endpoints, dry runs of replays. A read beyond it is answered at once, a test or dry run with 429.
   * @default 5
   */
  apiWaitingCallsPerKey: wholeNumber(1, 1_000, 'calls'),
  /**
   * The same for all keys of one tenant together.
   * @default 20; 10 in local, where 16 invocations of a function run at once
   */
  apiWaitingCallsPerTenant: wholeNumber(1, 1_000, 'calls'),
  /**
   * Subscriptions that one tenant may have. Publishing looks at each of them for every event of the tenant.
   * @default 100
   */
  subscriptionsPerTenant: wholeNumber(1, 10_000, 'subscriptions'),
  /**
   * Subscriptions that may serve all tenants. Publishing looks at each of them for every event.
   * @default 100
   */
  sharedSubscriptions: wholeNumber(1, 10_000, 'subscriptions'),
  /**
   * Accounts that one tenant may have.
   * @default 1000
   */
  accountsPerTenant: wholeNumber(1, 1_000_000, 'accounts'),
  /**
   * API keys that one tenant may have; keys of all tenants have no quota.
   * @default 100
   */
  keysPerTenant: wholeNumber(1, 100_000, 'keys'),
  /**
   * Consumers of the feed that one tenant may have.
   * @default 100
   */
  consumersPerTenant: wholeNumber(1, 100_000, 'consumers'),
  /**
   * Concurrent invocations of normalize.
   * @default 50; 4 in local
   * @see https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html#events-sqs-max-concurrency
   */
  normalizeMaxConcurrency: wholeNumber(2, 1000, 'invocations'),
  /**
   * Concurrent invocations of deliver.
   * @default 100; 16 in local
   */
  deliverMaxConcurrency: wholeNumber(2, 1000, 'invocations'),
  /**
   * Concurrent invocations of drain: endpoints that are sent their backlog at the same time. One that hangs
   * takes up an invocation until its circuit opens, and again for every probe.
   * @default 200; 16 in local
   */
  drainMaxConcurrency: wholeNumber(2, 1000, 'invocations'),
  /**
   * Concurrent invocations that are kept for ingress alone, and the most that it has: webhooks are answered even
   * where another function uses up the account's concurrency.
   *
   * An account keeps at least 100 that no function reserves, of 1,000 by default; a new account has less, often 10,
   * and none to reserve. A deployment that reserves more than there is fails.
   * @default none: ingress shares what the account has
   * @see https://docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html
   */
  ingressReservedConcurrency: wholeNumber(1, 100_000, 'invocations').optional(),
  /**
   * The same for normalize; at least `normalizeMaxConcurrency`, or its queue would be polled by more than may run.
   * @default none
   * @see https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html#events-sqs-max-concurrency
   */
  normalizeReservedConcurrency: wholeNumber(2, 100_000, 'invocations').optional(),
  /**
   * The same for api. It is a cap as well: calls that wait (`wait` of the feed, tests of endpoints) keep an
   * invocation busy for seconds, and more of them than this cannot take concurrency from ingress.
   * @default none
   */
  apiReservedConcurrency: wholeNumber(1, 100_000, 'invocations').optional(),
  /**
   * Public origin of a custom domain in front of the HTTP API.
   * @default the HTTP API's own endpoint
   */
  publicUrl: z
    .string()
    .refine(isPublicOrigin)
    .optional()
    .describe('an origin without a path or a trailing slash, such as "https://hooks.example.com"'),
  /**
   * Ranges that callbacks may reach although they are not public; as text, separated by commas.
   * @default 127.0.0.0/8 and ::1/128 in local, none elsewhere
   */
  egressAllowedRanges: z
    .preprocess((value) => (typeof value === 'string' ? splitList(value) : value), z.array(z.string().refine(isRange)))
    .describe('a list of address ranges in CIDR form, such as "10.20.0.0/16,fd00::/8"'),
  /**
   * Further origins that lead to this deployment, such as a CDN's in front of it; as text, separated by commas.
   * The public URL and the HTTP API's own endpoint are known. The engine calls none of them, on any port: a
   * callback that came back to its ingress would become an event again.
   * @default - none
   */
  ownOrigins: z
    .preprocess(
      (value) => (typeof value === 'string' ? splitList(value) : value),
      z.array(z.string().refine(isPublicOrigin)),
    )
    .describe('a list of origins without a path or a trailing slash, such as "https://hooks.example.net"'),
  /**
   * Private subnets for the functions that call out, best in two zones; as text, separated by commas. They need a route
   * to the internet and to SQS and EventBridge: a NAT gateway (33 USD a month, and 0.045 USD for each GB), whose address
   * is then the one that callbacks come from. Gateway endpoints for DynamoDB and S3 are free.
   * @default - none: no function runs in a VPC, reaches a private address or has a fixed one
   * @see https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html
   */
  vpcSubnetIds: idList('subnet', 16),
  /**
   * Security groups of these functions. They must let out 443 and the ports of callbacks; nothing has to be let in.
   * @default - none
   */
  vpcSecurityGroupIds: idList('sg', 5),
  /**
   * Address that alarms are mailed to.
   * @default nobody; subscribe to the alarm topic yourself
   */
  alarmEmail: z.email().optional().describe('an email address'),
});

type Settings = z.output<typeof settingsSchema>;

export interface TributaryConfig extends Settings {
  readonly stage: Stage;
  /** Whether tables, buckets, keys and logs outlive the stack: true in prod. */
  readonly retainData: boolean;
  /** Whether outbound calls may use plain http: in local alone. */
  readonly egressAllowHttp: boolean;
}

const settingNames = Object.keys(settingsSchema.shape) as (keyof Settings)[];

function defaultsOf(stage: Stage): Settings {
  const local = stage === 'local';
  return {
    retentionDays: limits.retentionDays,
    rawRetentionDays: stage === 'prod' ? 90 : 30,
    logRetentionDays: stage === 'prod' ? 90 : 14,
    claimThresholdBytes: limits.claimThresholdBytes,
    throttleRatePerSecond: 2000,
    throttleBurst: 4000,
    apiThrottleRatePerSecond: 500,
    apiThrottleBurst: 1000,
    auditRetentionDays: 400,
    apiKeyRatePerMinute: local ? 60_000 : 3000,
    apiTenantRatePerMinute: local ? 60_000 : 6000,
    ingressAccountRatePerMinute: local ? 1_000_000 : 12_000,
    ingressTenantRatePerMinute: local ? 1_000_000 : 60_000,
    apiWaitingCallsPerKey: 5,
    apiWaitingCallsPerTenant: local ? 10 : 20,
    subscriptionsPerTenant: 100,
    sharedSubscriptions: 100,
    accountsPerTenant: 1000,
    keysPerTenant: 100,
    consumersPerTenant: 100,
    normalizeMaxConcurrency: local ? 4 : 50,
    // More than one endpoint may have posts under way, so that none takes up all of deliver.
    deliverMaxConcurrency: local ? 16 : 100,
    drainMaxConcurrency: local ? 16 : 200,
    egressAllowedRanges: local ? ['127.0.0.0/8', '::1/128'] : [],
    ownOrigins: [],
    vpcSubnetIds: [],
    vpcSecurityGroupIds: [],
  };
}

/**
 * Read what the deployer set, over the defaults of the stage.
 *
 * A setting comes, the first that has it, from `-c <setting>=<value>` (or a context key of that
 * name), from `tributary.stages.<stage>`, from `tributary`, from the defaults.
 *
 * @param context - Looks up a CDK context key, `undefined` where it is not set.
 * @param mayBeDeployed - Whether the command line of the CDK asks: it refuses the stage local, whose egress is open.
 * @throws {ConfigurationError} with all faults at once.
 */
export function loadConfig(context: (key: string) => unknown, mayBeDeployed = false): TributaryConfig {
  const faults: string[] = [];
  const chosenStage = context('stage') ?? 'dev';
  const allowed = mayBeDeployed ? stages.filter((known) => known !== 'local') : stages;
  const stage = allowed.find((known) => known === chosenStage);
  if (stage === undefined)
    faults.push(
      fault('stage', chosenStage, `one of ${allowed.join(', ')}${mayBeDeployed ? '; npm start runs local' : ''}`),
    );

  const chosen = new Map<keyof Settings, { readonly source: string; readonly value: unknown }>();
  for (const [prefix, layer] of layersOf(context, stage, faults)) {
    for (const [name, value] of Object.entries(layer)) {
      const setting = settingNames.find((known) => known === name);
      if (setting === undefined) {
        faults.push(`${prefix}${name}: not a setting, expected one of ${settingNames.join(', ')}`);
      } else {
        chosen.set(setting, { source: `${prefix}${name}`, value });
      }
    }
  }

  const values = Object.fromEntries([...chosen].map(([name, { value }]) => [name, value]));
  const parsed = settingsSchema.safeParse({ ...defaultsOf(stage ?? 'dev'), ...values });
  const rejected = new Set(parsed.error?.issues.map((issue) => issue.path[0] as keyof Settings));
  for (const name of rejected) {
    const origin = chosen.get(name);
    faults.push(
      fault(origin?.source ?? name, origin?.value, settingsSchema.shape[name].description ?? 'something else'),
    );
  }
  const { vpcSubnetIds = [], vpcSecurityGroupIds = [] } = parsed.data ?? {};
  if ((vpcSubnetIds.length === 0) !== (vpcSecurityGroupIds.length === 0)) {
    const [set, missing] =
      vpcSubnetIds.length > 0
        ? (['vpcSubnetIds', 'vpcSecurityGroupIds'] as const)
        : (['vpcSecurityGroupIds', 'vpcSubnetIds'] as const);
    faults.push(fault(missing, [], `at least one, because ${set} is set: set both, or neither`));
  }
  const { normalizeReservedConcurrency, normalizeMaxConcurrency } = parsed.data ?? {};
  if (
    normalizeReservedConcurrency !== undefined &&
    normalizeMaxConcurrency !== undefined &&
    normalizeReservedConcurrency < normalizeMaxConcurrency
  )
    faults.push(
      fault(
        chosen.get('normalizeReservedConcurrency')?.source ?? 'normalizeReservedConcurrency',
        normalizeReservedConcurrency,
        `at least normalizeMaxConcurrency, which is ${normalizeMaxConcurrency}`,
      ),
    );
  if (stage === undefined || parsed.data === undefined || faults.length > 0) throw new ConfigurationError(faults);
  return { ...parsed.data, stage, retainData: stage === 'prod', egressAllowHttp: stage === 'local' };
}

/** The layers of settings, weakest first, each with the prefix that a fault names it by. */
function layersOf(context: (key: string) => unknown, stage: Stage | undefined, faults: string[]): [string, object][] {
  const layers: [string, object][] = [];
  const { stages: byStage, ...everyStage } = objectAt('tributary', context('tributary'), faults);
  layers.push(['tributary.', everyStage]);
  for (const [name, layer] of Object.entries(objectAt('tributary.stages', byStage, faults))) {
    if (!stages.some((known) => known === name)) {
      faults.push(`tributary.stages.${name}: not a stage, expected one of ${stages.join(', ')}`);
    } else if (name === stage) {
      const path = `tributary.stages.${name}`;
      layers.push([`${path}.`, objectAt(path, layer, faults)]);
    }
  }
  const single = settingNames.map((name) => [name, context(name)] as const).filter(([, value]) => value !== undefined);
  layers.push(['', Object.fromEntries(single)]);
  return layers;
}

function objectAt(path: string, value: unknown, faults: string[]): Record<string, unknown> {
  if (value === undefined) return {};
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { ...value };
  faults.push(fault(path, value, 'an object of settings'));
  return {};
}

function fault(path: string, got: unknown, expected: string): string {
  return `${path}: got ${JSON.stringify(got)}, expected ${expected}`;
}

/** A number that `-c` may give as text. */
function numeric<Schema extends z.ZodType<number>>(schema: Schema) {
  return z.preprocess(
    (value) => (typeof value === 'string' && /^-?\d+(\.\d+)?$/.test(value.trim()) ? Number(value) : value),
    schema,
  );
}

function wholeNumber(least: number, most: number, unit: string) {
  return numeric(z.number().int().min(least).max(most)).describe(`a whole number of ${unit} from ${least} to ${most}`);
}

/** @param most - That Lambda takes. @see https://docs.aws.amazon.com/lambda/latest/api/API_VpcConfig.html */
function idList(prefix: 'subnet' | 'sg', most: number) {
  const id = new RegExp(`^${prefix}-[0-9a-f]{8,17}$`);
  return z
    .preprocess(
      (value) => (typeof value === 'string' ? splitList(value) : value),
      z.array(z.string().regex(id)).max(most),
    )
    .describe(`a list of at most ${most} ids, such as "${prefix}-0123456789abcdef0"`);
}

function splitList(text: string): string[] {
  return text
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');
}

function isPublicOrigin(text: string): boolean {
  const url = URL.parse(text);
  return url !== null && ['https:', 'http:'].includes(url.protocol) && url.origin === text;
}

function isRange(text: string): boolean {
  const [address = '', prefix = '', ...rest] = text.split('/');
  const family = isIP(address);
  if (family === 0 || rest.length > 0 || !/^\d{1,3}$/.test(prefix)) return false;
  try {
    new BlockList().addSubnet(address, Number(prefix), family === 6 ? 'ipv6' : 'ipv4');
    return true;
  } catch {
    return false;
  }
}
