import { z } from 'zod';
import { limits } from '../lambdas/contracts/limits.ts';
import { meantInstead } from './cli/explain/nearest-name.ts';
import { releaseBefore } from './releases/upgrade-faults.ts';
import { concurrencySettings } from './settings/concurrency-settings.ts';
import { deploymentSettings } from './settings/deployment-settings.ts';
import { canaryFaults, defaultsBeside, domainFaults, domainSettings } from './settings/domain-settings.ts';
import { monitoringSettings } from './settings/monitoring-settings.ts';
import { networkSettings } from './settings/network-settings.ts';
import { observabilitySettings } from './settings/observability-settings.ts';
import { quotaSettings } from './settings/quota-settings.ts';
import { rateSettings } from './settings/rate-settings.ts';
import { retentionSettings } from './settings/retention-settings.ts';
import {
  everyDeployedStage,
  type GivenSetting,
  parseSettingsFile,
  type SettingsFile,
  settingsFileName,
} from './settings/settings-file.ts';
import { tagSettings } from './settings/tag-settings.ts';

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
 * @example tributary.yaml: `prod:` and below it `  retentionDays: 90`
 * @example `npx cdk deploy -c stage=dev -c retentionDays=7`
 * @example cdk.json: `"context": { "tributary": { "retentionDays": 60, "stages": { "prod": { "alarmEmail": "ops@example.com" } } } }`
 */
const settingsSchema = z.strictObject({
  ...retentionSettings,
  ...rateSettings,
  ...quotaSettings,
  ...concurrencySettings,
  ...networkSettings,
  ...domainSettings,
  ...tagSettings,
  ...deploymentSettings,
  ...observabilitySettings,
  ...monitoringSettings,
});

type Settings = z.output<typeof settingsSchema>;

/** Settings as an app gives them; docs/reference/configuration.md describes each. */
export type TributarySettings = Readonly<Partial<Settings>>;

/** The stages that may be deployed. */
export type DeployedStage = Exclude<Stage, 'local'>;

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
    ownAccountDestinations: false,
    vpcSubnetIds: [],
    vpcSecurityGroupIds: [],
    executeApiEndpoint: 'open',
    ipAddressType: 'ipv4',
    tags: {},
    logLevel: 'info',
    logSampleRatio: 1,
    tracing: 'off',
    traceSampleRatio: 1,
    dashboard: stage === 'prod' || stage === 'staging',
    gradualDeployments: stage === 'prod',
    upgradeFrom: releaseBefore(),
  };
}

/** Where settings come from, besides the context. */
export interface ConfigSources {
  /** @default - none */
  readonly file?: SettingsFile | undefined;
  /**
   * Whether the CDK command line calls: it rejects the stage local, whose egress is open.
   * @default false
   */
  readonly mayBeDeployed?: boolean;
}

/**
 * Read the deployer's settings, over the defaults of the stage.
 *
 * The first of these that has a setting wins: `-c <setting>=<value>` (or a context key of that name), the stage's
 * section of tributary.yaml, its section `all`, `tributary.stages.<stage>` of cdk.json, `tributary` there, the
 * defaults. A stage that keeps its data takes no setting of the command line: the next deployment would revert it.
 *
 * @param context - Looks up a CDK context key; `undefined` when it is not set.
 * @throws {ConfigurationError} with all faults at once.
 */
export function loadConfig(context: (key: string) => unknown, sources: ConfigSources = {}): TributaryConfig {
  const faults: string[] = [];
  const stage = chosenStage(context('stage') ?? 'dev', sources.mayBeDeployed === true, faults);
  const retainData = stage === 'prod';
  const { applied, others } = givenSettings(context, stage, sources.file, faults);

  const chosen = new Map<keyof Settings, GivenSetting>();
  let areUsable = true;
  for (const given of [...applied, ...others]) {
    const setting = settingNames.find((known) => known === given.name);
    if (setting === undefined) {
      const hint = meantInstead(given.name, settingNames) || `, expected one of ${settingNames.join(', ')}`;
      faults.push(`${given.source}: not a setting${hint}`);
      continue;
    }
    const schema = settingsSchema.shape[setting];
    const isUsable = schema.safeParse(given.value).success;
    if (!isUsable) faults.push(fault(given.source, given.value, schema.description ?? 'something else'));
    if (others.includes(given)) continue;
    areUsable &&= isUsable;
    if (retainData && given.source === setting) faults.push(forgettable(given));
    chosen.set(setting, given);
  }

  const values = Object.fromEntries([...chosen].map(([name, { value }]) => [name, value]));
  const defaults = { ...defaultsOf(stage ?? 'dev'), ...defaultsBeside(values) };
  const settings = areUsable ? settingsSchema.parse({ ...defaults, ...values }) : undefined;
  if (settings !== undefined) {
    const sourceOf = (name: keyof Settings) => chosen.get(name)?.source ?? name;
    faults.push(
      ...vpcFaults(settings),
      ...reservedConcurrencyFaults(settings, sourceOf),
      ...domainFaults(settings, stage, sourceOf),
      ...canaryFaults(settings, sourceOf),
    );
  }
  if (stage === undefined || settings === undefined || faults.length > 0) throw new ConfigurationError(faults);
  return { ...settings, stage, retainData, egressAllowHttp: stage === 'local' };
}

function chosenStage(chosen: unknown, mayBeDeployed: boolean, faults: string[]): Stage | undefined {
  const allowed = mayBeDeployed ? stages.filter((known) => known !== 'local') : stages;
  const stage = allowed.find((known) => known === chosen);
  if (stage === undefined)
    faults.push(fault('stage', chosen, `one of ${allowed.join(', ')}${mayBeDeployed ? '; npm start runs local' : ''}`));
  return stage;
}

/** The fault of a setting that only this command has. */
function forgettable({ name, value }: GivenSetting): string {
  return (
    `${name}: got ${JSON.stringify(value)} from the command line (-c) or a context key; the next deployment without it ` +
    `would revert prod. Write it in ${settingsFileName}: prod, ${name}`
  );
}

/**
 * Settings of an app that deploys the engine as a construct, over the defaults of the stage.
 *
 * @throws {ConfigurationError} with all faults at once.
 */
export function readSettings(stage: DeployedStage, settings: TributarySettings): TributaryConfig {
  const context = new Map<string, unknown>([
    ['stage', stage],
    ['tributary', settings],
  ]);
  return loadConfig((key) => context.get(key), { mayBeDeployed: true });
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

/** The settings that a deployer gave, weakest first: those of the stage, and those of other stages, which are only checked. */
function givenSettings(
  context: (key: string) => unknown,
  stage: Stage | undefined,
  file: SettingsFile | undefined,
  faults: string[],
): { readonly applied: readonly GivenSetting[]; readonly others: readonly GivenSetting[] } {
  const inFile = file === undefined ? undefined : parseSettingsFile(file, [everyDeployedStage, ...stages]);
  faults.push(...(inFile?.faults ?? []));
  const applied = [...settingsOfContext(context, stage, faults)];
  const others: GivenSetting[] = [];
  // `all` is written above the stages, wherever it is in the file.
  const sections = [...(inFile?.sections ?? [])].sort(([a], [b]) => rankOf(a) - rankOf(b));
  for (const [section, given] of sections) {
    const applies = section === everyDeployedStage ? stage !== 'local' : section === stage;
    (applies ? applied : others).push(...given);
  }
  const single = settingNames.map((name) => ({ name, value: context(name), source: name }));
  return { applied: [...applied, ...single.filter(({ value }) => value !== undefined)], others };
}

const rankOf = (section: string) => (section === everyDeployedStage ? 0 : 1);

/** The settings of `tributary` in cdk.json. */
function settingsOfContext(
  context: (key: string) => unknown,
  stage: Stage | undefined,
  faults: string[],
): readonly GivenSetting[] {
  const { stages: byStage, ...everyStage } = objectAt('tributary', context('tributary'), faults);
  const given = givenIn('tributary.', everyStage);
  for (const [name, layer] of Object.entries(objectAt('tributary.stages', byStage, faults))) {
    if (!stages.some((known) => known === name)) {
      faults.push(`tributary.stages.${name}: not a stage, expected one of ${stages.join(', ')}`);
    } else if (name === stage) {
      const path = `tributary.stages.${name}`;
      given.push(...givenIn(`${path}.`, objectAt(path, layer, faults)));
    }
  }
  return given;
}

function givenIn(prefix: string, layer: object): GivenSetting[] {
  return Object.entries(layer).map(([name, value]) => ({ name, value, source: `${prefix}${name}` }));
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
