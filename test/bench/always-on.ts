/** The parts of a template's resource that this module reads. */
export interface TemplateResource {
  readonly Type: string;
  readonly Properties?: Readonly<Record<string, unknown>>;
}

/** Parts of a stack that cost money without traffic, or might be thought to. */
export interface AlwaysOn {
  readonly alarms: number;
  /** Metrics that the alarms evaluate: an alarm on a sum evaluates several. */
  readonly alarmMetrics: number;
  readonly dashboards: number;
  readonly keys: number;
  readonly rotatedKeys: number;
  readonly queueSources: number;
  readonly queues: number;
  /** Invocations by schedules. */
  readonly scheduledPerMonth: number;
  readonly schedules: number;
  readonly tables: number;
  readonly buckets: number;
  readonly logGroups: number;
  readonly httpApis: number;
  /** Memory of the function that answers API calls, and of the one that runs each minute. */
  readonly apiMemoryMb: number;
  readonly dispatchMemoryMb: number;
}

const secondsPer = { minute: 60, hour: 3_600, day: 86_400 } as const;

/** Construct ids are contract, and logical ids begin with them. */
const apiFunction = /^ApiFunction/;
const dispatchFunction = /^DispatchFunction/;

/** @throws {RangeError} for a schedule that is not a rate. */
export function countAlwaysOn(
  resources: Readonly<Record<string, TemplateResource>>,
  secondsPerMonth: number,
): AlwaysOn {
  const of = (type: string) => Object.values(resources).filter(({ Type }) => Type === type);
  const alarms = of('AWS::CloudWatch::Alarm');
  const keys = of('AWS::KMS::Key');
  const rules = of('AWS::Events::Rule').filter(({ Properties }) => Properties?.['ScheduleExpression'] !== undefined);
  const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
  const memoryOf = (logicalId: RegExp) => {
    const isIt = ([id, { Type }]: [string, TemplateResource]) => Type === 'AWS::Lambda::Function' && logicalId.test(id);
    return Number(Object.entries(resources).find(isIt)?.[1].Properties?.['MemorySize'] ?? Number.NaN);
  };
  return {
    alarms: alarms.length,
    alarmMetrics: sum(alarms.map(metricsOf)),
    dashboards: of('AWS::CloudWatch::Dashboard').length,
    keys: keys.length,
    rotatedKeys: keys.filter(({ Properties }) => Properties?.['EnableKeyRotation'] === true).length,
    queueSources: of('AWS::Lambda::EventSourceMapping').length,
    queues: of('AWS::SQS::Queue').length,
    schedules: rules.length,
    scheduledPerMonth: sum(
      rules.map(({ Properties }) => secondsPerMonth / secondsOf(String(Properties?.['ScheduleExpression']))),
    ),
    tables: of('AWS::DynamoDB::Table').length,
    buckets: of('AWS::S3::Bucket').length,
    logGroups: of('AWS::Logs::LogGroup').length,
    httpApis: of('AWS::ApiGatewayV2::Api').length,
    apiMemoryMb: memoryOf(apiFunction),
    dispatchMemoryMb: memoryOf(dispatchFunction),
  };
}

/** An alarm on one metric names it directly. An alarm on an expression lists the metrics of the expression. */
function metricsOf({ Properties }: TemplateResource): number {
  const metrics = Properties?.['Metrics'] as readonly { readonly MetricStat?: unknown }[] | undefined;
  return metrics === undefined ? 1 : metrics.filter(({ MetricStat }) => MetricStat !== undefined).length;
}

function secondsOf(expression: string): number {
  const [, count, unit] = /^rate\((\d+) (minute|hour|day)s?\)$/.exec(expression) ?? [];
  if (unit === undefined) throw new RangeError(`Schedule ${expression}: expected rate(<n> minutes|hours|days)`);
  return Number(count) * secondsPer[unit as keyof typeof secondsPer];
}
