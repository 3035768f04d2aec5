import { z } from 'zod';
import { limits } from '../lambdas/contracts/limits.ts';
import { concurrencySettings } from './settings/concurrency-settings.ts';
import { networkSettings } from './settings/network-settings.ts';
import { quotaSettings } from './settings/quota-settings.ts';
import { rateSettings } from './settings/rate-settings.ts';
import { retentionSettings } from './settings/retention-settings.ts';

export const stages = ['local', 'dev', 'staging', 'prod'] as const;
export type Stage = (typeof stages)[number];

/** Every fault of a deployer's configuration, one per line. */
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
 * Settings of a deployer. Faults quote a setting's description as the expected value.
 *
 * @example `npx cdk deploy -c stage=prod -c retentionDays=90`
 * @example cdk.json: `"context": { "tributary": { "retentionDays": 60, "stages": { "prod": { "alarmEmail": "ops@example.com" } } } }`
 */
const settingsSchema = z.strictObject({
  ...retentionSettings,
  ...rateSettings,
  ...quotaSettings,
  ...concurrencySettings,
  ...networkSettings,
  /**
   * Address that receives alarms by mail.
   * @default - none; subscribe to the alarm topic yourself
   */
  /** Whether the deployment sends events of its own through itself, and measures them. */
  canary: z.enum(['on', 'off']).describe('"on" or "off"'),
  alarmEmail: z.email().optional().describe('an email address'),
});

type Settings = z.output<typeof settingsSchema>;

export interface TributaryConfig extends Settings {
  readonly stage: Stage;
  /** Whether tables, buckets, keys and logs outlive the stack: true in prod. */
  readonly retainData: boolean;
  /** Whether outbound calls may use plain http: only in local. */
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
    portalSessionsPerTenant: 500,
    batching: 'latency',
    canary: stage === 'prod' || stage === 'staging' ? 'on' : 'off',
    normalizeMaxConcurrency: local ? 4 : 50,
    enrichMaxConcurrency: local ? 4 : 20,
    pollMaxConcurrency: local ? 4 : 20,
    // Higher than the posts that one endpoint may have in flight, so no endpoint occupies all of deliver.
    deliverMaxConcurrency: local ? 16 : 100,
    drainMaxConcurrency: local ? 16 : 200,
    egressAllowedRanges: local ? ['127.0.0.0/8', '::1/128'] : [],
    ownOrigins: [],
    connectReturnOrigins: local ? ['http://localhost:*', 'http://127.0.0.1:*'] : [],
    vpcSubnetIds: [],
    vpcSecurityGroupIds: [],
  };
}

/**
 * Read the deployer's settings, over the defaults of the stage.
 *
 * The first of these that has a setting wins: `-c <setting>=<value>` (or a context key of that name),
 * `tributary.stages.<stage>`, `tributary`, the defaults.
 *
 * @param context - Looks up a CDK context key; `undefined` when it is not set.
 * @param mayBeDeployed - Whether the CDK command line calls: it rejects the stage local, whose egress is open.
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
  if (parsed.data !== undefined) {
    const sourceOf = (name: keyof Settings) => chosen.get(name)?.source ?? name;
    faults.push(...vpcFaults(parsed.data), ...reservedConcurrencyFaults(parsed.data, sourceOf));
  }
  if (stage === undefined || parsed.data === undefined || faults.length > 0) throw new ConfigurationError(faults);
  return { ...parsed.data, stage, retainData: stage === 'prod', egressAllowHttp: stage === 'local' };
}

/** A VPC needs subnets and security groups; a deployment without one has neither. */
function vpcFaults({ vpcSubnetIds, vpcSecurityGroupIds }: Settings): readonly string[] {
  if ((vpcSubnetIds.length === 0) === (vpcSecurityGroupIds.length === 0)) return [];
  const [set, missing] =
    vpcSubnetIds.length > 0
      ? (['vpcSubnetIds', 'vpcSecurityGroupIds'] as const)
      : (['vpcSecurityGroupIds', 'vpcSubnetIds'] as const);
  return [fault(missing, [], `at least one, because ${set} is set: set both, or neither`)];
}

/** @param sourceOf - Where the deployer set a setting. */
function reservedConcurrencyFaults(
  { normalizeReservedConcurrency: reserved, normalizeMaxConcurrency: most }: Settings,
  sourceOf: (name: keyof Settings) => string,
): readonly string[] {
  if (reserved === undefined || reserved >= most) return [];
  return [
    fault(sourceOf('normalizeReservedConcurrency'), reserved, `at least normalizeMaxConcurrency, which is ${most}`),
  ];
}

/** The layers of settings, weakest first, each with the prefix that its faults name. */
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
