import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Topic } from 'aws-cdk-lib/aws-sns';
import { describe, expect, test } from 'vitest';
import { environmentKeys, type FunctionName, functionEnvironments } from '../../lambdas/contracts/environment.ts';
import { limits } from '../../lambdas/contracts/limits.ts';
import { recordFailed } from '../../lambdas/contracts/log-messages.ts';
import { stages } from '../../lib/config.ts';
import { permissionsTable, resourcesTable } from './review-tables.ts';
import { type Resource, type SynthesizedStage, synthesize } from './synthesized-stage.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));

// Each stage is synthesized once; the tests only read.
const synthesized = Object.fromEntries(stages.map((stage) => [stage, synthesize(stage)])) as Record<
  (typeof stages)[number],
  SynthesizedStage
>;
const dev = synthesized.dev;
const customized = synthesize('dev', {
  retentionDays: '7',
  publicUrl: 'https://hooks.example.com',
  alarmEmail: 'ops@example.com',
  throttleBurst: 700,
  ingressThrottleRatePerSecond: 3000,
  apiThrottleRatePerSecond: '50',
  ingressReservedConcurrency: 200,
  normalizeReservedConcurrency: 60,
  apiReservedConcurrency: 40,
  ownOrigins: 'https://cdn.example.com, https://hooks.example.net',
});

/** The functions of a stage: the canary is in those that people rely on. */
function namesIn(stage: SynthesizedStage): readonly FunctionName[] {
  const ids = Object.keys(stage.resources);
  return (Object.keys(functionIds) as FunctionName[]).filter((name) => ids.some((id) => functionIds[name].test(id)));
}

function ofType(stage: SynthesizedStage, type: string): [string, Resource][] {
  return Object.entries(stage.resources).filter(([, resource]) => resource.Type === type);
}

/** The logical id that `Ref` or `Fn::GetAtt` names. */
function target(value: unknown): string | undefined {
  const intrinsic = value as { Ref?: string; 'Fn::GetAtt'?: [string, string] };
  return intrinsic.Ref ?? intrinsic['Fn::GetAtt']?.[0];
}

/** The logical id of the function whose alias `live` a source invokes. */
function consumerOf(stage: SynthesizedStage, invoked: unknown): string | undefined {
  const [, alias = ''] = /"Ref":"(\w+Live[0-9A-F]{8})"/.exec(JSON.stringify(invoked)) ?? [];
  return target(stage.resources[alias]?.Properties.FunctionName);
}

interface Statement {
  readonly Effect: string;
  readonly Action: string | string[];
  readonly Resource: unknown;
  readonly Principal?: unknown;
  readonly Condition?: unknown;
}

function statementsOf(stage: SynthesizedStage, type: string, property = 'PolicyDocument'): [string, Statement][] {
  return ofType(stage, type).flatMap(([id, { Properties }]) =>
    (Properties[property].Statement as Statement[]).map((statement): [string, Statement] => [id, statement]),
  );
}

const list = <Item>(value: Item | Item[]): Item[] => (Array.isArray(value) ? value : [value]);

const functionIds: Record<FunctionName, RegExp> = {
  ingress: /^IngressFunction/,
  normalize: /^NormalizeFunction/,
  enrich: /^EnrichFunction/,
  poll: /^PollFunction/,
  deliver: /^DeliverFunction/,
  drain: /^DrainFunction/,
  dispatch: /^DispatchFunction/,
  govern: /^GovernFunction/,
  api: /^ApiFunction/,
  console: /^ConsoleFunction/,
  canary: /^CanaryFunction/,
};

/** The customer-managed keys, by what they encrypt. */
const keyIds = {
  data: /^DataKey[0-9A-F]{8}$/,
  credentials: /^CredentialsKey[0-9A-F]{8}$/,
  alarms: /^AlarmsKey[0-9A-F]{8}$/,
} as const;

function resourceNamed(type: string, name: RegExp): Resource {
  const found = ofType(dev, type).find(([id]) => name.test(id));
  if (found === undefined) throw new Error(`no ${type} ${name.source} in the template`);
  return found[1];
}

function functionNamed(stage: SynthesizedStage, name: FunctionName): Resource {
  const found = ofType(stage, 'AWS::Lambda::Function').find(([id]) => functionIds[name].test(id));
  if (found === undefined) throw new Error(`no function ${name} in the template`);
  return found[1];
}

describe.each(stages)('stage %s', (stage) => {
  test('synthesizes without a warning, and passes cdk-nag and the validation of CDK', () => {
    expect(synthesized[stage].messages).toEqual([]);
    expect(synthesized[stage].findings).toEqual([]);
  });

  test('gives every function exactly the environment that it reads', () => {
    for (const name of namesIn(synthesized[stage])) {
      const { Variables } = functionNamed(synthesized[stage], name).Properties.Environment;
      expect(Object.keys(Variables).sort()).toEqual([...functionEnvironments[name], 'NODE_OPTIONS'].sort());
      expect(Variables.NODE_OPTIONS).toBe('--enable-source-maps');
    }
  });
});

test('fails when a construct breaks a rule of cdk-nag', () => {
  expect(() => synthesize('dev', {}, (stack) => new Topic(stack, 'Open'))).toThrow('AwsSolutions-SNS3');
});

describe('a VPC', () => {
  const inVpc = synthesize('dev', {
    vpcSubnetIds: 'subnet-0a1b2c3d,subnet-0a1b2c3e',
    vpcSecurityGroupIds: 'sg-0a1b2c3d',
  });

  const callOut: readonly FunctionName[] = ['ingress', 'normalize', 'enrich', 'poll', 'deliver', 'drain', 'api'];
  const placed = { SubnetIds: ['subnet-0a1b2c3d', 'subnet-0a1b2c3e'], SecurityGroupIds: ['sg-0a1b2c3d'] };
  const names = namesIn(dev);

  test('passes cdk-nag, and synthesizes without a warning', () => {
    expect(inVpc.messages).toEqual([]);
    expect(inVpc.findings).toEqual([]);
  });

  test('contains the functions that call out, and no function if it is not set', () => {
    for (const name of names) {
      const expected = callOut.includes(name) ? placed : undefined;
      expect(functionNamed(inVpc, name).Properties.VpcConfig, name).toEqual(expected);
      expect(functionNamed(dev, name).Properties.VpcConfig, name).toBeUndefined();
    }
  });

  test('allows Lambda, but not the code of a function, to create network interfaces for these functions only', () => {
    const ofEc2 = (stage: SynthesizedStage) =>
      statementsOf(stage, 'AWS::IAM::Policy').filter(([, statement]) => JSON.stringify(statement).includes('"ec2:'));
    const roleOf = (policy: string) => target(inVpc.resources[policy]?.Properties['Roles'][0]) ?? '';
    const roles = new Set(callOut.map((name) => target(functionNamed(inVpc, name).Properties.Role)));
    for (const effect of ['Allow', 'Deny']) {
      const statements = ofEc2(inVpc).filter(([, { Effect }]) => Effect === effect);
      const ofCode = effect === 'Deny' ? { Null: { 'lambda:SourceFunctionArn': 'false' } } : undefined;
      expect(new Set(statements.map(([policy]) => roleOf(policy)))).toEqual(roles);
      for (const [, { Condition }] of statements) expect(Condition).toEqual(ofCode);
    }
    expect(ofEc2(dev)).toEqual([]);
    // Lambda cannot create a function in a VPC before its role has the permission.
    for (const name of callOut) {
      const policies = (functionNamed(inVpc, name).DependsOn ?? []).map((id) => inVpc.resources[id]?.Properties);
      expect(JSON.stringify(policies), name).toContain('ec2:CreateNetworkInterface');
    }
  });
});

describe('the stage local', () => {
  test('has a rule that fails every deployment, and no other stage has it', () => {
    expect(synthesized.local.rules['OneMachineOnly']?.Assertions).toMatchObject([
      { Assert: { 'Fn::Equals': ['local', 'a stage that is deployed'] } },
    ]);
    for (const stage of ['dev', 'staging', 'prod'] as const)
      expect(synthesized[stage].rules).not.toHaveProperty('OneMachineOnly');
  });

  test('fails when the CDK command line requests it, which `npm start` does not use', () => {
    const context = JSON.stringify({ stage: 'local' });
    const env = { ...process.env, CDK_CONTEXT_JSON: context, CDK_CLI_VERSION: '2.1148.1' };
    const { status, stderr } = spawnSync(process.execPath, ['bin/app.ts'], { cwd: root, env, encoding: 'utf8' });
    expect(status).toBe(1);
    expect(stderr).toContain('stage: got "local", expected one of dev, staging, prod');
  });
});

describe('queues', () => {
  const queues = ofType(dev, 'AWS::SQS::Queue');
  const deadLetterIds = queues.map(([, { Properties }]) => target(Properties.RedrivePolicy?.deadLetterTargetArn ?? {}));

  test('every queue is a dead-letter queue or has one', () => {
    expect(queues.length).toBeGreaterThan(0);
    for (const [id, { Properties }] of queues) {
      if (deadLetterIds.includes(id)) continue;
      expect(Properties.RedrivePolicy?.maxReceiveCount, id).toBe(limits.maxReceiveCount);
      expect(dev.resources[target(Properties.RedrivePolicy.deadLetterTargetArn) ?? '']?.Type, id).toBe(
        'AWS::SQS::Queue',
      );
    }
  });

  test('every queue has an alarm: dead letters on their number, work on its age; erasures are restarted', () => {
    const watched = ofType(synthesized.prod, 'AWS::CloudWatch::Alarm').flatMap(([, { Properties }]) =>
      (Properties.Dimensions ?? []).map(({ Value }: { Value: { 'Fn::GetAtt'?: [string, string] } }) => [
        target(Value),
        Properties.MetricName,
      ]),
    );
    for (const [id] of queues.filter(([name]) => !/^GovernanceQueue[0-9A-F]{8}$/.test(name))) {
      const metric = deadLetterIds.includes(id)
        ? 'ApproximateNumberOfMessagesVisible'
        : 'ApproximateAgeOfOldestMessage';
      expect(watched).toContainEqual([id, metric]);
    }
  });

  test('every queue is encrypted, keeps messages for 14 days and denies requests without TLS', () => {
    const denied = statementsOf(dev, 'AWS::SQS::QueuePolicy')
      .filter(([, { Effect, Condition }]) => Effect === 'Deny' && isNotTls(Condition))
      .map(([, { Resource }]) => target(Resource));
    for (const [id, { Properties }] of queues) {
      expect(Properties.SqsManagedSseEnabled, id).toBe(true);
      expect(Properties.MessageRetentionPeriod, id).toBe(14 * 24 * 60 * 60);
      expect(denied).toContain(id);
    }
  });

  test('economy gathers webhooks and deliveries, and nothing else; a message stays hidden meanwhile', () => {
    const economy = synthesize('dev', { batching: 'economy' });
    for (const [id, { Properties }] of ofType(economy, 'AWS::Lambda::EventSourceMapping')) {
      const isGathered = /^(Normalize|Deliver)/.test(id);
      const [size, window] = isGathered ? [limits.economyBatchSize, limits.economyWindowSeconds] : [1, 0];
      expect([Properties.BatchSize, Properties.MaximumBatchingWindowInSeconds ?? 0], id).toEqual([size, window]);
      const queue = economy.resources[target(Properties.EventSourceArn) ?? ''];
      const consumer = economy.resources[consumerOf(economy, Properties.FunctionName) ?? ''];
      expect(queue?.Properties.VisibilityTimeout, id).toBe(6 * consumer?.Properties.Timeout + window);
    }
    expect(economy.messages).toEqual([]);
  });

  test('every consumer reports partial failures, and the visibility timeout of its queue is six times its timeout', () => {
    const mappings = ofType(dev, 'AWS::Lambda::EventSourceMapping');
    expect(mappings).toHaveLength(7);
    for (const [id, { Properties }] of mappings) {
      expect(Properties.FunctionResponseTypes, id).toEqual(['ReportBatchItemFailures']);
      // Reading records, a sync, a drain or an erasure may take a whole run, so it must not delay another one in its batch.
      expect(Properties.BatchSize, id).toBe(/^(Enrich|Poll|Drain|Govern)/.test(id) ? 1 : limits.queueBatchSize);
      expect(Properties.MaximumBatchingWindowInSeconds ?? 0, id).toBe(0);
      const queue = dev.resources[target(Properties.EventSourceArn) ?? ''];
      const consumer = dev.resources[consumerOf(dev, Properties.FunctionName) ?? ''];
      expect(queue?.Properties.VisibilityTimeout, id).toBeGreaterThanOrEqual(6 * consumer?.Properties.Timeout);
    }
  });
});

describe('functions', () => {
  // CDK's own function, which empties buckets when the stack is deleted (deployment.test.ts).
  const functions = ofType(dev, 'AWS::Lambda::Function').filter(([id]) => !id.startsWith('CustomS3AutoDeleteObjects'));

  test('every function runs Node 24 on arm64', () => {
    expect(functions).toHaveLength(namesIn(dev).length);
    expect([...namesIn(dev), 'canary'].sort()).toEqual(Object.keys(functionEnvironments).sort());
    expect([...namesIn(synthesized.prod)].sort()).toEqual(Object.keys(functionEnvironments).sort());
    for (const [id, { Properties }] of functions) {
      expect(Properties.Runtime, id).toBe('nodejs24.x');
      expect(Properties.Architectures, id).toEqual(['arm64']);
    }
  });

  test('every function has its own role, without a managed policy', () => {
    const roles = functions.map(([, { Properties }]) => target(Properties.Role));
    expect(new Set(roles).size).toBe(functions.length);
    for (const role of roles) expect(dev.resources[role ?? '']?.Properties.ManagedPolicyArns).toBeUndefined();
    for (const [id, { Properties }] of ofType(dev, 'AWS::IAM::Policy')) expect(Properties.Roles, id).toHaveLength(1);
  });

  test('every function writes to its own log group, which expires', () => {
    const groups = functions.map(([, { Properties }]) => target(Properties.LoggingConfig.LogGroup));
    expect(new Set(groups).size).toBe(functions.length);
    for (const [id, { Properties }] of ofType(dev, 'AWS::Logs::LogGroup')) {
      expect(Properties.RetentionInDays, id).toBe(14);
    }
  });

  test('only functions that send to the queue that invokes them may recurse, and an alarm fires when Lambda stops a chain', () => {
    const recurring = namesIn(dev).filter((name) => functionNamed(dev, name).Properties.RecursiveLoop === 'Allow');
    expect(recurring).toEqual(['enrich', 'poll', 'deliver', 'drain', 'govern']);
    const mayRequeueItself = ofType(dev, 'AWS::Lambda::EventSourceMapping').flatMap(([, { Properties }]) => {
      const consumer = consumerOf(dev, Properties.FunctionName);
      const queue = target(Properties.EventSourceArn);
      const role = target(dev.resources[consumer ?? '']?.Properties.Role);
      const sends = ofType(dev, 'AWS::IAM::Policy').some(
        ([, policy]) =>
          policy.Properties.Roles.some((one: unknown) => target(one) === role) &&
          (policy.Properties.PolicyDocument.Statement as Statement[]).some(
            ({ Action, Resource }) =>
              list(Action).includes('sqs:SendMessage') && list(Resource).some((one) => target(one) === queue),
          ),
      );
      return sends ? [consumer] : [];
    });
    for (const id of mayRequeueItself) expect(dev.resources[id ?? '']?.Properties.RecursiveLoop, id).toBe('Allow');
    expect(new Set(mayRequeueItself).size).toBe(recurring.length);

    const { MetricName, Dimensions } = resourceNamed('AWS::CloudWatch::Alarm', /^RecursionAlarm/).Properties;
    expect([MetricName, target(Dimensions[0].Value)]).toEqual([
      'RecursiveInvocationsDropped',
      expect.stringMatching(functionIds.normalize),
    ]);
  });

  test('errors raise an alarm, except where dead letters or the HTTP API tell of them; ingress must not be throttled', () => {
    const watched = ofType(dev, 'AWS::CloudWatch::Alarm').map(
      ([, { Properties }]) => `${target(Properties.Dimensions?.[0].Value ?? {})}: ${Properties.MetricName}`,
    );
    for (const [id] of functions) {
      const raises = !/^(Govern|Console)/.test(id);
      expect(watched.includes(`${id}: Errors`), id).toBe(raises);
      expect(watched.includes(`${id}: Throttles`), id).toBe(id.startsWith('Ingress'));
    }
  });
});

/** A function's permissions on the objects of a bucket. */
const objectActions = [
  's3:GetObject',
  's3:PutObject',
  's3:PutObjectTagging',
  's3:PutObjectRetention',
  's3:DeleteObject',
  's3:DeleteObjectVersion',
  's3:BypassGovernanceRetention',
];

describe('permissions', () => {
  test('no role may use all actions of a service', () => {
    const actions = statementsOf(dev, 'AWS::IAM::Policy').flatMap(([, { Action }]) => list(Action));
    expect(actions.length).toBeGreaterThan(0);
    expect(actions.filter((action) => action.includes('*'))).toEqual([]);
  });

  test('only the functions that send may assume roles: of other accounts, with the prefix and an external id', () => {
    const partition = { Ref: 'AWS::Partition' };
    const account = { Ref: 'AWS::AccountId' };
    const allow = {
      Effect: 'Allow',
      Action: 'sts:AssumeRole',
      Resource: { 'Fn::Join': ['', ['arn:', partition, ':iam::*:role/tributary-*']] },
      Condition: { StringLike: { 'sts:ExternalId': 'tributary-*' } },
    };
    const deny = {
      Effect: 'Deny',
      Action: 'sts:AssumeRole',
      Resource: { 'Fn::Join': ['', ['arn:', partition, ':iam::', account, ':role/*']] },
    };
    const assuming = (stage: SynthesizedStage) =>
      statementsOf(stage, 'AWS::IAM::Policy').filter(([, { Action }]) => list(Action).includes('sts:AssumeRole'));
    for (const holder of ['Api', 'Deliver', 'Drain'])
      expect(
        assuming(dev).flatMap(([id, statement]) => (id.startsWith(holder) ? [statement] : [])),
        holder,
      ).toEqual([allow, deny]);
    expect(assuming(dev)).toHaveLength(6);
    const inOwnAccount = assuming(synthesize('dev', { ownAccountDestinations: 'true' }));
    expect(inOwnAccount.map(([, statement]) => statement)).toEqual([allow, allow, allow]);
  });

  test('no role has a wildcard resource, except for the objects of a named bucket', () => {
    for (const [id, { Action, Resource }] of statementsOf(dev, 'AWS::IAM::Policy')) {
      // The test before this one.
      if (list(Action).includes('sts:AssumeRole')) continue;
      for (const resource of list(Resource)) {
        const wildcard = JSON.stringify(resource).includes('*');
        if (!wildcard) continue;
        const [bucketArn, objects] = (resource as { 'Fn::Join': [string, [unknown, string]] })['Fn::Join'][1];
        expect(dev.resources[target(bucketArn) ?? '']?.Type, id).toBe('AWS::S3::Bucket');
        expect(objects, id).toBe('/*');
        for (const action of list(Action)) expect(objectActions, id).toContain(action);
      }
    }
  });

  test.each([
    [
      'ingress',
      {
        put: /^Raw/,
        send: [/^RawQueue[0-9A-F]{8}$/],
        receive: [],
        tables: /^(Accounts|AccountContexts|IntegrationSettings|Idempotency|Limits|Statistics)Table/,
        // Secrets that providers choose, nonces, counts of rejected requests, and rate limits.
        written: /^(Accounts|IntegrationSettings|Idempotency|Limits|Statistics)Table/,
      },
    ],
    [
      'deliver',
      {
        get: /^Payloads/,
        put: /^Payloads/,
        send: [/^DeliveryQueue[0-9A-F]{8}$/, /^DrainQueue[0-9A-F]{8}$/],
        receive: [/^DeliveryQueue[0-9A-F]{8}$/],
        tables: /^(Tenants|Subscriptions|Events|Idempotency|Deliveries|Limits)/,
        written: /^(Subscriptions|Events|Idempotency|Deliveries|Limits)/,
        tells: true,
      },
    ],
    [
      'drain',
      {
        get: /^Payloads/,
        put: /^Payloads/,
        send: [/^DeliveryQueue[0-9A-F]{8}$/, /^DrainQueue[0-9A-F]{8}$/],
        receive: [/^DrainQueue[0-9A-F]{8}$/, /^ShadowQueue[0-9A-F]{8}$/],
        tables: /^(Tenants|Subscriptions|Events|Idempotency|Deliveries|Limits)/,
        written: /^(Subscriptions|Events|Idempotency|Deliveries|Limits)/,
        tells: true,
      },
    ],
    [
      'dispatch',
      {
        send: [
          /^DeliveryQueue[0-9A-F]{8}$/,
          /^DrainQueue[0-9A-F]{8}$/,
          /^GovernanceQueue[0-9A-F]{8}$/,
          /^EnrichQueue[0-9A-F]{8}$/,
          /^PollQueue[0-9A-F]{8}$/,
        ],
        tables: /^(Tenants|Events|Deliveries|Limits|Fetches|Syncs)Table/,
        written: /^(Deliveries|Limits|Fetches|Syncs)Table/,
      },
    ],
    [
      'normalize',
      {
        get: /^Raw/,
        // Finished requests.
        put: /^(Payloads|Raw)/,
        send: [
          /^DeliveryQueue[0-9A-F]{8}$/,
          /^DrainQueue[0-9A-F]{8}$/,
          /^ShadowQueue[0-9A-F]{8}$/,
          /^EnrichQueue[0-9A-F]{8}$/,
          /^PollQueue[0-9A-F]{8}$/,
          /^RawQueueDeadLetters/,
        ],
        receive: [/^RawQueue[0-9A-F]{8}$/],
        tables:
          /^(Accounts|AccountContexts|IntegrationSettings|ParkedRequests|Tenants|Subscriptions|Events|Records|Idempotency|Limits|Statistics|Fetches)Table/,
        // Accounts: the key of their archived requests. Limits: the drain of an ordered subscription.
        written: /^(Accounts|ParkedRequests|Events|Records|Idempotency|Limits|Statistics|Fetches)Table/,
      },
    ],
    [
      'enrich',
      {
        put: /^Payloads/,
        send: [
          /^DeliveryQueue[0-9A-F]{8}$/,
          /^DrainQueue[0-9A-F]{8}$/,
          /^ShadowQueue[0-9A-F]{8}$/,
          /^EnrichQueue[0-9A-F]{8}$/,
        ],
        receive: [/^EnrichQueue[0-9A-F]{8}$/],
        tables:
          /^(Accounts|Credentials|Fetches|Tenants|Subscriptions|Events|Records|Idempotency|Limits|Statistics)Table/,
        // Credentials: refreshed tokens. Limits: budgets, and the drain of an ordered subscription.
        written: /^(Credentials|Fetches|Events|Records|Idempotency|Limits|Statistics)Table/,
      },
    ],
    [
      'poll',
      {
        // Pages that wait until all of them are read.
        get: /^Payloads/,
        put: /^Payloads/,
        send: [
          /^DeliveryQueue[0-9A-F]{8}$/,
          /^DrainQueue[0-9A-F]{8}$/,
          /^ShadowQueue[0-9A-F]{8}$/,
          /^EnrichQueue[0-9A-F]{8}$/,
          /^PollQueue[0-9A-F]{8}$/,
        ],
        receive: [/^PollQueue[0-9A-F]{8}$/],
        tables: /^(Accounts|Credentials|Syncs|Tenants|Subscriptions|Events|Records|Idempotency|Limits|Statistics)Table/,
        // As enrich.
        written: /^(Credentials|Syncs|Events|Records|Idempotency|Limits|Statistics)Table/,
      },
    ],
    [
      'api',
      {
        // The archive, to reprocess its requests.
        get: /^(Payloads|Raw)/,
        // Stored answers, and entries of the audit.
        put: /^(Payloads|AuditArchive)/,
        send: [
          /^RawQueue[0-9A-F]{8}$/,
          /^DrainQueue[0-9A-F]{8}$/,
          /^GovernanceQueue[0-9A-F]{8}$/,
          /^EnrichQueue[0-9A-F]{8}$/,
          /^PollQueue[0-9A-F]{8}$/,
        ],
        // To reprocess dead letters.
        receive: [/^RawQueueDeadLetters/],
        tables:
          /^(Accounts|AccountContexts|Credentials|Fetches|Syncs|IntegrationSettings|ParkedRequests|ApiKeys|Audit|Consumers|Tenants|Subscriptions|Events|Records|Idempotency|Deliveries|Limits|Statistics)/,
      },
    ],
    [
      'govern',
      {
        // It finds and deletes objects, but neither reads nor writes them.
        erase: [/^PayloadsBucket/, /^RawBucket/],
        send: [/^GovernanceQueue[0-9A-F]{8}$/],
        receive: [/^RawQueueDeadLetters/, /^GovernanceQueue[0-9A-F]{8}$/],
        tables:
          /^(Accounts|AccountContexts|Credentials|Fetches|Syncs|ParkedRequests|ApiKeys|Consumers|Statistics|Tenants|Subscriptions|Events|Records|Idempotency|Deliveries|Limits)/,
      },
    ],
  ] as const)('%s may access exactly what it needs', (name, allowed: Allowed) => {
    const role = target(functionNamed(dev, name).Properties.Role);
    const statements = statementsOf(dev, 'AWS::IAM::Policy').filter(
      ([id]) => target(dev.resources[id]?.Properties.Roles[0]) === role,
    );
    const reached = (action: string) =>
      statements
        .filter(([, { Action }]) => list(Action).some((given) => given.startsWith(action)))
        .flatMap(([, { Resource }]) => list(Resource))
        .map((resource) => /"([A-Z][A-Za-z]+[0-9A-F]{8})"/.exec(JSON.stringify(resource))?.[1] ?? '');
    for (const bucket of reached('s3:GetObject')) expect(bucket).toMatch(allowed.get ?? /^none$/);
    for (const bucket of reached('s3:PutObject')) expect(bucket).toMatch(allowed.put ?? /^none$/);
    for (const table of reached('dynamodb:')) expect(table).toMatch(allowed.tables);
    for (const action of ['PutItem', 'UpdateItem', 'DeleteItem', 'BatchWriteItem'])
      for (const table of reached(`dynamodb:${action}`)) expect(table).toMatch(allowed.written ?? allowed.tables);
    for (const queue of reached('sqs:ReceiveMessage'))
      expect(
        (allowed.receive ?? []).some((name) => name.test(queue)),
        queue,
      ).toBe(true);
    expect(reached('sqs:ReceiveMessage')).toHaveLength(allowed.receive?.length ?? 0);
    expect(reached('sqs:SendMessage')).toHaveLength(allowed.send.length);
    for (const queue of allowed.send) expect(reached('sqs:SendMessage')).toContainEqual(expect.stringMatching(queue));
    const erased = new Set(reached('s3:DeleteObject'));
    expect(erased.size).toBe(allowed.erase?.length ?? 0);
    for (const bucket of allowed.erase ?? []) expect([...erased]).toContainEqual(expect.stringMatching(bucket));
    expect(reached('events:')).toHaveLength(allowed.tells === true ? 1 : 0);
  });

  test('only the admin API and erasures may scan, and only tables without a suitable index', () => {
    const scans = statementsOf(dev, 'AWS::IAM::Policy').flatMap(([id, { Action, Resource }]) =>
      list(Action).includes('dynamodb:Scan') ? list(Resource).map((one) => [id, target(one) ?? '']) : [],
    );
    expect(scans).toHaveLength(9);
    for (const [role, table] of [
      [/^ApiRole/, /^AccountsTable/],
      [/^ApiRole/, /^AccountContextsTable/],
      [/^ApiRole/, /^ApiKeysTable/],
      [/^ApiRole/, /^TenantsTable/],
      [/^GovernRole/, /^AccountsTable/],
      [/^GovernRole/, /^AccountContextsTable/],
      [/^GovernRole/, /^ApiKeysTable/],
      [/^GovernRole/, /^FetchesTable/],
      [/^GovernRole/, /^SyncsTable/],
    ])
      expect(scans).toContainEqual([expect.stringMatching(role as RegExp), expect.stringMatching(table as RegExp)]);
  });

  describe('credentials of accounts', () => {
    /** The actions of each function on the resources of this name. */
    const actionsOn = (name: RegExp): Readonly<Record<string, readonly string[]>> => {
      const allowed = statementsOf(dev, 'AWS::IAM::Policy').flatMap(([id, { Effect, Action, Resource }]) => {
        if (list(Action).includes('sts:AssumeRole')) return [];
        expect(Effect, id).toBe('Allow');
        if (!list(Resource).some((one) => name.test(target(one) ?? ''))) return [];
        const role = target(dev.resources[id]?.Properties['Roles'][0]);
        const holder = (Object.keys(functionIds) as FunctionName[]).find(
          (one) => target(functionNamed(dev, one).Properties.Role) === role,
        );
        return list(Action).map((action) => [holder ?? id, action] as const);
      });
      const byFunction = Map.groupBy(allowed, ([holder]) => holder);
      return Object.fromEntries(
        [...byFunction].map(([holder, all]) => [holder, [...new Set(all.map(([, action]) => action))].sort()]),
      );
    };

    test('can be opened and sealed only by the functions that call providers', () => {
      const openAndSeal = ['kms:Decrypt', 'kms:DescribeKey', 'kms:GenerateDataKey'];
      expect(actionsOn(keyIds.credentials)).toEqual({ enrich: openAndSeal, poll: openAndSeal, api: openAndSeal });
    });

    test('are in a table that only these functions use, and an erasure, which finds and deletes rows', () => {
      expect(actionsOn(/^CredentialsTable[0-9A-F]{8}$/)).toEqual({
        enrich: ['dynamodb:BatchGetItem', 'dynamodb:PutItem'],
        poll: ['dynamodb:BatchGetItem', 'dynamodb:PutItem'],
        api: ['dynamodb:BatchGetItem', 'dynamodb:DeleteItem', 'dynamodb:PutItem'],
        govern: ['dynamodb:BatchGetItem', 'dynamodb:BatchWriteItem'],
      });
    });

    test('have a key whose own policy names no other principal than the account', () => {
      const key = resourceNamed('AWS::KMS::Key', keyIds.credentials);
      const account = {
        'Fn::Join': ['', ['arn:', { Ref: 'AWS::Partition' }, ':iam::', { Ref: 'AWS::AccountId' }, ':root']],
      };
      expect((key.Properties['KeyPolicy'].Statement as Statement[]).map(({ Principal }) => Principal)).toEqual([
        { AWS: account },
      ]);
    });

    test('are encrypted with their own key, whose ARN only these functions know', () => {
      const keys = namesIn(dev).flatMap((name) => {
        const { Variables } = functionNamed(dev, name).Properties.Environment;
        const arn = Variables[environmentKeys.credentialsKey];
        return arn === undefined ? [] : [[name, target(arn)]];
      });
      expect(Object.fromEntries(keys)).toEqual({
        enrich: expect.stringMatching(keyIds.credentials) as unknown,
        poll: expect.stringMatching(keyIds.credentials) as unknown,
        api: expect.stringMatching(keyIds.credentials) as unknown,
      });
    });
  });

  test('only erasures may delete locked objects of the raw archive', () => {
    const bypassing = statementsOf(synthesized.prod, 'AWS::IAM::Policy').filter(([, { Action }]) =>
      list(Action).includes('s3:BypassGovernanceRetention'),
    );
    expect(bypassing).toHaveLength(1);
    expect(bypassing[0]?.[0]).toMatch(/^GovernRole/);
    expect(JSON.stringify(bypassing[0]?.[1].Resource)).toMatch(/"RawBucket[0-9A-F]{8}"/);
  });

  test('resource policies allow only the services that deliver logs and alarms, for this account', () => {
    const allowed = ['AWS::SQS::QueuePolicy', 'AWS::SNS::TopicPolicy', 'AWS::S3::BucketPolicy']
      .flatMap((type) => statementsOf(dev, type))
      .filter(([, { Effect, Principal }]) => Effect === 'Allow' && !isEmptier(Principal));
    for (const [id, { Principal, Condition, Action }] of allowed) {
      expect((Principal as { Service?: string }).Service, id).toMatch(/^(logging\.s3|cloudwatch)\.amazonaws\.com$/);
      expect(JSON.stringify(Condition), id).toContain('aws:SourceAccount');
      expect(list(Action).join(), id).not.toContain('*');
    }
  });
});

interface Allowed {
  /** Buckets whose objects the function may delete. */
  readonly erase?: readonly RegExp[];
  readonly get?: RegExp;
  readonly put?: RegExp;
  readonly send: readonly RegExp[];
  readonly receive?: readonly RegExp[];
  readonly tables: RegExp;
  /** The writable ones, if it may not write to all of these. */
  readonly written?: RegExp;
  /** Whether it notifies the operators. */
  readonly tells?: boolean;
}

describe('data at rest', () => {
  test('every table recovers to a point in time, expires rows, and is encrypted with the data key', () => {
    const tables = ofType(dev, 'AWS::DynamoDB::Table');
    expect(tables).toHaveLength(18);
    for (const [id, { Properties }] of tables) {
      expect(Properties.BillingMode, id).toBe('PAY_PER_REQUEST');
      expect(Properties.PointInTimeRecoverySpecification, id).toEqual({ PointInTimeRecoveryEnabled: true });
      expect(Properties.TimeToLiveSpecification, id).toEqual({ AttributeName: 'expiresAtEpochSeconds', Enabled: true });
      expect(Properties.SSESpecification, id).toMatchObject({ SSEEnabled: true, SSEType: 'KMS' });
      expect(target(Properties.SSESpecification.KMSMasterKeyId), id).toMatch(keyIds.data);
    }
  });

  test('every key is rotated', () => {
    const keys = ofType(dev, 'AWS::KMS::Key');
    expect(keys).toHaveLength(Object.keys(keyIds).length);
    for (const name of Object.values(keyIds)) expect(keys.filter(([id]) => name.test(id))).toHaveLength(1);
    for (const [id, { Properties }] of keys) expect(Properties.EnableKeyRotation, id).toBe(true);
  });

  test('every bucket is private and encrypted, rejects requests without TLS, and expires its objects', () => {
    const denied = statementsOf(dev, 'AWS::S3::BucketPolicy')
      .filter(([, { Effect, Condition }]) => Effect === 'Deny' && isNotTls(Condition))
      .map(([id]) => target(dev.resources[id]?.Properties.Bucket));
    const buckets = ofType(dev, 'AWS::S3::Bucket');
    expect(buckets).toHaveLength(4);
    for (const [id, { Properties }] of buckets) {
      expect(Object.values(Properties.PublicAccessBlockConfiguration), id).toEqual([true, true, true, true]);
      expect(Properties.BucketEncryption.ServerSideEncryptionConfiguration, id).toHaveLength(1);
      expect(Properties.LifecycleConfiguration.Rules[0].ExpirationInDays, id).toBeGreaterThan(0);
      expect(Properties.LifecycleConfiguration.Rules[0].AbortIncompleteMultipartUpload, id).toBeDefined();
      expect(denied).toContain(id);
    }
  });

  test('payloads outlive their events by a day', () => {
    const payloads = Object.entries(customized.resources).find(([id]) => /^PayloadsBucket[0-9A-F]{8}$/.test(id))?.[1];
    expect(payloads?.Properties.LifecycleConfiguration.Rules[0].ExpirationInDays).toBe(8);
  });

  test('a lifecycle rule expires objects with the tag of a shorter retention', () => {
    const rulesOf = (stage: SynthesizedStage, name: RegExp) => {
      const bucket = ofType(stage, 'AWS::S3::Bucket').find(([id]) => name.test(id))?.[1];
      if (bucket === undefined) throw new Error(`no bucket ${name.source}`);
      return (bucket.Properties.LifecycleConfiguration.Rules as Resource['Properties'][])
        .filter(({ TagFilters }) => TagFilters !== undefined)
        .map(({ TagFilters, ExpirationInDays, NoncurrentVersionExpiration }) => [
          TagFilters[0],
          ExpirationInDays,
          NoncurrentVersionExpiration?.NoncurrentDays,
        ]);
    };
    const tag = (days: number) => ({ Key: 'retention-days', Value: String(days) });
    // Payloads outlive their events here, too. 30 days are the retention of all objects.
    expect(rulesOf(dev, /^PayloadsBucket[0-9A-F]{8}$/)).toEqual(
      [1, 3, 7, 14].map((days) => [tag(days), days + 1, undefined]),
    );
    expect(rulesOf(synthesized.prod, /^RawBucket[0-9A-F]{8}$/)).toEqual(
      [1, 3, 7, 14, 30, 60].map((days) => [tag(days), days, 1]),
    );
  });

  test('the raw archive keeps the first version of an object, and in prod only an erasure deletes it early', () => {
    const rawOf = (stage: SynthesizedStage) =>
      Object.entries(stage.resources).find(([id]) => /^RawBucket[0-9A-F]{8}$/.test(id))?.[1].Properties;
    expect(rawOf(dev)?.VersioningConfiguration).toEqual({ Status: 'Enabled' });
    expect(rawOf(synthesized.prod)?.ObjectLockConfiguration.Rule.DefaultRetention).toEqual({
      Mode: 'GOVERNANCE',
      Days: 90,
    });
  });

  test('every consumer of a queue may shorten the visibility timeout of failed messages', () => {
    const grants = statementsOf(dev, 'AWS::IAM::Policy').filter(([, { Action }]) =>
      list(Action).includes('sqs:ChangeMessageVisibility'),
    );
    for (const [consumer, queue] of [
      ['Normalize', 'RawQueue'],
      ['Enrich', 'EnrichQueue'],
      ['Poll', 'PollQueue'],
      ['Deliver', 'DeliveryQueue'],
      ['Drain', 'DrainQueue'],
      ['Drain', 'ShadowQueue'],
      ['Govern', 'GovernanceQueue'],
    ] as const)
      expect(
        grants.some(
          ([id, { Resource }]) =>
            id.startsWith(`${consumer}Role`) && new RegExp(`"${queue}[0-9A-F]{8}"`).test(JSON.stringify(Resource)),
        ),
        consumer,
      ).toBe(true);
  });

  test('no function may change or delete an entry of the audit, and in prod its copy is locked even for the root user', () => {
    const grants = statementsOf(dev, 'AWS::IAM::Policy').filter(([, { Resource }]) =>
      list(Resource).some((resource) => /"Audit(Table|ArchiveBucket)[0-9A-F]{8}"/.test(JSON.stringify(resource))),
    );
    expect(new Set(grants.flatMap(([, { Action }]) => list(Action)))).toEqual(
      new Set(['dynamodb:PutItem', 'dynamodb:Query', 's3:PutObject']),
    );
    const archive = Object.entries(synthesized.prod.resources).find(([id]) =>
      /^AuditArchiveBucket[0-9A-F]{8}$/.test(id),
    );
    expect(archive?.[1].Properties.ObjectLockConfiguration.Rule.DefaultRetention).toEqual({
      Mode: 'COMPLIANCE',
      Days: 400,
    });
  });

  const dataTypes = [
    'AWS::DynamoDB::Table',
    'AWS::S3::Bucket',
    'AWS::KMS::Key',
    'AWS::SQS::Queue',
    'AWS::Logs::LogGroup',
  ];

  test.each(dataTypes)('prod retains every %s, dev deletes it', (type) => {
    // A rollback deletes all but tables, which are protected from deletion (deployment.test.ts).
    const retained = [type === 'AWS::DynamoDB::Table' ? 'Retain' : 'RetainExceptOnCreate', 'Retain'];
    for (const [stage, policies] of [
      ['prod', retained],
      ['dev', ['Delete', 'Delete']],
    ] as const) {
      const resources = ofType(synthesized[stage], type);
      expect(resources.length).toBeGreaterThan(0);
      for (const [id, { DeletionPolicy, UpdateReplacePolicy }] of resources) {
        expect([DeletionPolicy, UpdateReplacePolicy], id).toEqual(policies);
      }
    }
  });

  test('prod protects its tables and itself from deletion', () => {
    for (const [id, { Properties }] of ofType(synthesized.prod, 'AWS::DynamoDB::Table')) {
      expect(Properties.DeletionProtectionEnabled, id).toBe(true);
    }
    expect(synthesized.prod.terminationProtection).toBe(true);
    expect(dev.terminationProtection).toBe(false);
  });
});

describe('HTTP API', () => {
  test('routes webhooks to ingress, API calls and callbacks of consents to api; other requests invoke no function', () => {
    const routes = ofType(dev, 'AWS::ApiGatewayV2::Route').map(([, { Properties }]) => {
      const integration = dev.resources[target(Properties.Target['Fn::Join'][1][1]) ?? ''];
      return [Properties.RouteKey, consumerOf(dev, integration?.Properties.IntegrationUri)];
    });
    expect(Object.fromEntries(routes)).toEqual({
      'ANY /in/{integration}': expect.stringMatching(functionIds.ingress),
      'ANY /in/{integration}/{account}': expect.stringMatching(functionIds.ingress),
      'ANY /v1/{proxy+}': expect.stringMatching(functionIds.api),
      'GET /connect/{integration}/callback': expect.stringMatching(functionIds.api),
      'GET /healthz': expect.stringMatching(functionIds.api),
      'GET /console': expect.stringMatching(functionIds.console),
      'GET /console/{proxy+}': expect.stringMatching(functionIds.console),
    });
  });

  test('passes requests in payload format 2.0', () => {
    for (const [id, { Properties }] of ofType(dev, 'AWS::ApiGatewayV2::Integration')) {
      expect(Properties.PayloadFormatVersion, id).toBe('2.0');
    }
  });

  test('throttles webhooks and the API separately, after their routes exist', () => {
    const settingsOf = (stage: SynthesizedStage) => {
      const [[id, resource] = expect.fail('no stage')] = ofType(stage, 'AWS::ApiGatewayV2::Stage');
      return { id, resource, settings: resource.Properties.RouteSettings };
    };
    const { resource, settings } = settingsOf(dev);
    const webhooks = { ThrottlingRateLimit: 2000, ThrottlingBurstLimit: 4000 };
    const pages = { ThrottlingRateLimit: 50, ThrottlingBurstLimit: 100 };
    const ofConsole = { 'GET /console': pages, 'GET /console/{proxy+}': pages };
    expect(settings).toEqual({
      'ANY /in/{integration}': webhooks,
      'ANY /in/{integration}/{account}': webhooks,
      'ANY /v1/{proxy+}': { ThrottlingRateLimit: 500, ThrottlingBurstLimit: 1000 },
      ...ofConsole,
    });
    const routeOf = (key: string) =>
      ofType(dev, 'AWS::ApiGatewayV2::Route').find(([, { Properties }]) => Properties.RouteKey === key)?.[0];
    expect(resource.DependsOn).toEqual(expect.arrayContaining(Object.keys(settings).map(routeOf)));

    expect(settingsOf(customized).settings).toEqual({
      'ANY /in/{integration}': { ThrottlingRateLimit: 3000, ThrottlingBurstLimit: 700 },
      'ANY /in/{integration}/{account}': { ThrottlingRateLimit: 3000, ThrottlingBurstLimit: 700 },
      'ANY /v1/{proxy+}': { ThrottlingRateLimit: 50, ThrottlingBurstLimit: 1000 },
      ...ofConsole,
    });
    expect(settingsOf(customized).resource.Properties.DefaultRouteSettings).toEqual({
      ThrottlingRateLimit: 2000,
      ThrottlingBurstLimit: 700,
    });
  });

  test('is throttled and logs neither query strings nor headers that carry secrets', () => {
    const [[, stage] = expect.fail('no stage')] = ofType(dev, 'AWS::ApiGatewayV2::Stage');
    expect(stage.Properties.DefaultRouteSettings).toEqual({ ThrottlingBurstLimit: 4000, ThrottlingRateLimit: 2000 });
    const format = JSON.parse(stage.Properties.AccessLogSettings.Format);
    expect(JSON.stringify(format)).not.toMatch(/query|authoriz|header|rawPath/i);
    expect(format.requestId).toBe('$context.requestId');
  });

  test('gives functions its own endpoint, or the custom domain of the deployer', () => {
    const urlIn = (stage: SynthesizedStage) =>
      functionNamed(stage, 'api').Properties.Environment.Variables[environmentKeys.publicUrl];
    expect(urlIn(dev)).toEqual({ 'Fn::GetAtt': [expect.stringMatching(/^HttpApi/), 'ApiEndpoint'] });
    expect(urlIn(customized)).toBe('https://hooks.example.com');
    expect(customized.outputs.ApiUrl?.Value).toBe('https://hooks.example.com');
  });
});

describe('concurrency', () => {
  const reservedIn = (stage: SynthesizedStage) =>
    Object.fromEntries(
      namesIn(stage).map((name) => [name, functionNamed(stage, name).Properties.ReservedConcurrentExecutions]),
    );

  test('is not reserved by default, because a new account has none to reserve', () => {
    for (const stage of stages)
      expect(Object.values(reservedIn(synthesized[stage])).every((one) => one === undefined)).toBe(true);
  });

  test('is reserved if the deployer sets it', () => {
    expect(reservedIn(customized)).toMatchObject({ ingress: 200, normalize: 60, api: 40, deliver: undefined });
  });
});

describe('own origins', () => {
  const calling = ['ingress', 'normalize', 'enrich', 'poll', 'deliver', 'drain', 'api'] satisfies FunctionName[];
  const ownIn = (stage: SynthesizedStage, name: FunctionName) =>
    functionNamed(stage, name).Properties.Environment.Variables[environmentKeys.ownOrigins];
  const endpoint = { 'Fn::GetAtt': [expect.stringMatching(/^HttpApi/), 'ApiEndpoint'] };

  test.each(calling)('of %s include the endpoint of the API', (name) => {
    expect(ownIn(dev, name)).toEqual(endpoint);
  });

  test.each(calling)('of %s include the custom domain, and origins that the deployer names', (name) => {
    expect(ownIn(customized, name)).toEqual({
      'Fn::Join': ['', ['https://hooks.example.com,', endpoint, ',https://cdn.example.com,https://hooks.example.net']],
    });
  });
});

describe('the schedule', () => {
  test('runs dispatch every minute, without retries, and alarms when runs are missing', () => {
    const [[, rule] = expect.fail('no rule'), ...others] = ofType(dev, 'AWS::Events::Rule');
    expect(others).toEqual([]);
    expect(rule.Properties).toMatchObject({ ScheduleExpression: 'rate(1 minute)', State: 'ENABLED' });
    expect(rule.Properties.Targets).toHaveLength(1);
    expect(consumerOf(dev, rule.Properties.Targets[0].Arn)).toMatch(functionIds.dispatch);
    const [[, invoke] = expect.fail('no configuration of its invocations')] = ofType(
      dev,
      'AWS::Lambda::EventInvokeConfig',
    );
    expect(target(invoke.Properties.FunctionName)).toMatch(functionIds.dispatch);
    expect(consumerOf(dev, invoke.Properties.Qualifier)).toMatch(functionIds.dispatch);
    expect(invoke.Properties).toMatchObject({ MaximumRetryAttempts: 0, MaximumEventAgeInSeconds: 60 });
    expect(resourceNamed('AWS::CloudWatch::Alarm', /^DispatchScheduleSilentAlarm/).Properties).toMatchObject({
      MetricName: 'Invocations',
      ComparisonOperator: 'LessThanThreshold',
      Threshold: 1,
      TreatMissingData: 'breaching',
    });
  });

  test('the index of due endpoints holds only their keys', () => {
    expect(resourceNamed('AWS::DynamoDB::Table', /^Limits/).Properties.GlobalSecondaryIndexes).toEqual([
      {
        IndexName: 'due-index',
        KeySchema: [
          { AttributeName: 'dueShard', KeyType: 'HASH' },
          { AttributeName: 'dueAtMs', KeyType: 'RANGE' },
        ],
        Projection: { ProjectionType: 'INCLUDE', NonKeyAttributes: ['endpoint', 'scope'] },
      },
    ]);
  });

  test('the index of due syncs holds only their keys, because their rows change with each page', () => {
    expect(resourceNamed('AWS::DynamoDB::Table', /^Syncs/).Properties.GlobalSecondaryIndexes).toEqual([
      {
        IndexName: 'due-index',
        KeySchema: [
          { AttributeName: 'dueShard', KeyType: 'HASH' },
          { AttributeName: 'dueAtMs', KeyType: 'RANGE' },
        ],
        Projection: { ProjectionType: 'KEYS_ONLY' },
      },
    ]);
  });
});

describe('alarms', () => {
  /** Those that end a deployment tell nobody else (below). */
  const isOfDeployments = (id: string) => /(NewVersion|FailedRecords)Alarm/.test(id);
  const alarms = ofType(synthesized.prod, 'AWS::CloudWatch::Alarm').filter(([id]) => !isOfDeployments(id));
  /** The description with the tokens of its addresses as text. */
  const describe_ = ({ Properties }: Resource) => {
    const parts = Properties.AlarmDescription['Fn::Join']?.[1] ?? [Properties.AlarmDescription];
    return parts.map((part: unknown) => (typeof part === 'string' ? part : `{${target(part)}}`)).join('');
  };
  const runbook = readFileSync(new URL('../../docs/operate/runbook.md', import.meta.url), 'utf8');
  const entries = runbook.match(/(?<=^## )\S+$/gm) ?? [];

  test('every alarm links to the console and to an entry of the runbook, and every entry has its alarm', () => {
    expect(alarms.length).toBeGreaterThan(0);
    const linked = alarms.map(([id, alarm]) => {
      const [, entry = `${id} links nothing`] =
        / Console: https:\/\/\{AWS::Region\}\.console\.aws\.amazon\.com\/\S+ Runbook: docs\/operate\/runbook\.md#(\S+)$/.exec(
          describe_(alarm),
        ) ?? [];
      return entry;
    });
    // Only a stack with a custom domain has a certificate.
    expect([...linked, 'certificate-expiry'].sort()).toEqual([...entries].sort());
  });

  test('link to the runbook where the deployer reads it', () => {
    const stage = synthesize('dev', { runbookUrl: 'https://wiki.example.com/tributary' });
    for (const [id, alarm] of ofType(stage, 'AWS::CloudWatch::Alarm'))
      expect(describe_(alarm), id).toMatch(/ Runbook: https:\/\/wiki\.example\.com\/tributary#\S+$/);
  });

  test('watch trends where people rely on the stage; dev has fewer, and bears more', () => {
    const of = (stage: keyof typeof synthesized) =>
      new Map(
        ofType(synthesized[stage], 'AWS::CloudWatch::Alarm')
          .filter(([id]) => !isOfDeployments(id))
          .map(([id, { Properties }]) => [id, Properties]),
      );
    const [inDev, inProd] = [of('dev'), of('prod')];
    expect([...of('staging').keys()]).toEqual([...inProd.keys()]);
    // The game day of the local engine raises each of them, those of the canary in an engine that has one.
    const isOfCanary = (id: string) => id.startsWith('Canary');
    expect([...of('local').keys()]).toEqual([...inProd.keys()].filter((id) => !isOfCanary(id)));
    const missing = [...inProd.keys()].filter((id) => !inDev.has(id)).map((id) => id.replace(/Alarm[0-9A-F]{8}$/, ''));
    expect(missing.sort()).toEqual([
      'AccountConcurrency',
      'BacklogLate',
      'CanaryFailing',
      'CanarySlow',
      'CredentialsRefused',
      'DeliveryQueueStuck',
      'DeliverySuccess',
      'DrainQueueStuck',
      'EnrichQueueStuck',
      'HopLimit',
      'HttpApiClientErrors',
      'PollQueueStuck',
      'RateLimited',
      'RawQueueStuck',
      'ShadowQueueStuck',
      'SubscriptionDisabled',
      'SyncsLate',
      'TableThrottles',
      'VerificationFailures',
    ]);
    for (const [id, { Threshold }] of inDev)
      expect(Threshold, id).toBeGreaterThanOrEqual(inProd.get(id)?.['Threshold']);
    expect(resourceNamed('AWS::CloudWatch::Alarm', /^NormalizeErrorsAlarm/).Properties.Threshold).toBe(20);
  });

  test('both sending functions count subscription-disabled', () => {
    const alarm = alarms.find(([id]) => id.startsWith('SubscriptionDisabledAlarm'))?.[1];
    const Metrics = alarm?.Properties['Metrics'];
    const counted = Metrics.flatMap(({ MetricStat }: Resource['Properties']) =>
      MetricStat === undefined ? [] : [[MetricStat.Metric.MetricName, MetricStat.Metric.Dimensions]],
    );
    expect(counted).toEqual(
      ['deliver', 'drain'].map((service) => [
        'subscription-disabled',
        [
          { Name: 'service', Value: service },
          { Name: 'stage', Value: 'prod' },
        ],
      ]),
    );
  });

  test('on metrics of the engine use the dimension of their stage, which its functions add to each metric', () => {
    const metrics = Object.values(synthesized.staging.resources)
      .filter(({ Type }) => Type === 'AWS::CloudWatch::Alarm')
      .flatMap(({ Properties }) => [
        Properties,
        ...(Properties.Metrics ?? []).map(({ MetricStat }: Resource['Properties']) => MetricStat?.Metric ?? {}),
      ])
      .filter(({ Namespace }) => Namespace === 'Tributary');
    expect(metrics.length).toBeGreaterThan(5);
    for (const { MetricName, Dimensions } of metrics)
      expect(Dimensions, MetricName).toContainEqual({ Name: 'stage', Value: 'staging' });
    for (const name of namesIn(dev))
      expect(functionNamed(synthesized.staging, name).Properties.Environment.Variables).toMatchObject({
        [environmentKeys.stage]: 'staging',
      });
  });

  test('every alarm publishes to the one encrypted topic, when it begins and when it is over', () => {
    const [[topicId, topic] = expect.fail('no topic'), ...others] = ofType(dev, 'AWS::SNS::Topic');
    expect(others).toEqual([]);
    expect(topic.Properties.KmsMasterKeyId).toBeDefined();
    for (const [id, { Properties }] of ofType(dev, 'AWS::CloudWatch::Alarm')) {
      expect(Properties.AlarmActions.map(target), id).toEqual([topicId]);
      expect(Properties.OKActions.map(target), id).toEqual([topicId]);
    }
  });

  test('the address of the deployer is subscribed', () => {
    expect(ofType(customized, 'AWS::SNS::Subscription').map(([, { Properties }]) => Properties.Endpoint)).toEqual([
      'ops@example.com',
    ]);
  });
});

describe('deployments', () => {
  const { prod } = synthesized;
  const aliases = ofType(prod, 'AWS::Lambda::Alias');
  const groupOf = (alias: Resource) =>
    prod.resources[target(alias.UpdatePolicy?.CodeDeployLambdaAliasUpdate.DeploymentGroupName) ?? '']?.Properties;

  test.each(stages)(
    'everything that invokes a function in %s invokes its alias, which names its newest version',
    (stage) => {
      const { resources } = synthesized[stage];
      const invoked = ofType(synthesized[stage], 'AWS::Lambda::EventSourceMapping')
        .map(([, { Properties }]) => Properties.FunctionName)
        .concat(
          ofType(synthesized[stage], 'AWS::ApiGatewayV2::Integration').map(([, one]) => one.Properties.IntegrationUri),
          ofType(synthesized[stage], 'AWS::Lambda::Permission').map(([, one]) => one.Properties.FunctionName),
          ofType(synthesized[stage], 'AWS::Events::Rule').map(([, one]) => one.Properties.Targets[0].Arn),
        );
      expect(new Set(invoked.map((one) => consumerOf(synthesized[stage], one)))).toEqual(
        // CDK's own function, which empties buckets, is invoked by CloudFormation.
        new Set(
          ofType(synthesized[stage], 'AWS::Lambda::Function').flatMap(([id]) =>
            id.startsWith('CustomS3AutoDeleteObjects') ? [] : [id],
          ),
        ),
      );
      for (const [id, { Properties }] of ofType(synthesized[stage], 'AWS::Lambda::Alias')) {
        expect(Properties.Name, id).toBe('live');
        const version = resources[target(Properties.FunctionVersion) ?? ''];
        expect(target(version?.Properties.FunctionName), id).toBe(target(Properties.FunctionName));
        // Old versions would pile up in the account's 75 GB of code.
        expect([version?.Type, version?.DeletionPolicy], id).toEqual(['AWS::Lambda::Version', 'Delete']);
      }
    },
  );

  test('shift every function of prod for five minutes to a tenth, and back when an alarm fires', () => {
    expect(aliases).toHaveLength(Object.keys(functionEnvironments).length);
    for (const [id, alias] of aliases) {
      expect(groupOf(alias), id).toMatchObject({
        DeploymentConfigName: 'CodeDeployDefault.LambdaCanary10Percent5Minutes',
        AlarmConfiguration: { Enabled: true },
        AutoRollbackConfiguration: { Enabled: true, Events: expect.arrayContaining(['DEPLOYMENT_STOP_ON_ALARM']) },
      });
    }
  });

  test('watch the errors of the new version, the failed messages of consumers and the 5xx of the HTTP API', () => {
    const consumers = ofType(prod, 'AWS::Lambda::EventSourceMapping').map(([, one]) =>
      consumerOf(prod, one.Properties.FunctionName),
    );
    for (const [id, alias] of aliases) {
      const name = target(alias.Properties.FunctionName);
      const watched: string[] = groupOf(alias)?.AlarmConfiguration.Alarms.map((one: { Name: unknown }) =>
        target(one.Name),
      );
      const others = consumers.includes(name) ? /FailedRecordsAlarm/ : /^HttpApiServerErrorsAlarm/;
      const [errors = '', ...rest] = watched;
      // A schedule invokes these: they serve no queue and no request.
      const isScheduled = id.startsWith('Dispatch') || id.startsWith('Canary');
      expect(rest.length, id).toBe(isScheduled ? 0 : 1);
      expect(
        rest.every((one) => others.test(one)),
        id,
      ).toBe(true);
      expect(prod.resources[errors]?.Properties, id).toMatchObject({ MetricName: 'Errors', Threshold: 1 });
      const dimensions = prod.resources[errors]?.Properties.Dimensions;
      expect(dimensions, id).toContainEqual({ Name: 'ExecutedVersion', Value: alias.Properties.FunctionVersion });
    }
    for (const [id, { Properties }] of ofType(prod, 'AWS::Logs::MetricFilter'))
      expect(Properties.FilterPattern, id).toBe(`{ $.message = "${recordFailed}" }`);
  });

  test('are at once in all other stages, and in prod if the deployer chooses so; the aliases stay', () => {
    const atOnce = synthesize('prod', { tributary: { gradualDeployments: 'false' } });
    for (const stage of [dev, synthesized.staging, synthesized.local, atOnce]) {
      expect(Object.values(stage.resources).filter(({ Type }) => Type.startsWith('AWS::CodeDeploy'))).toEqual([]);
      const plain = ofType(stage, 'AWS::Lambda::Alias');
      expect(plain).toHaveLength(namesIn(stage).length);
      for (const [id, alias] of plain) expect(alias.UpdatePolicy, id).toBeUndefined();
    }
    expect(ofType(atOnce, 'AWS::Lambda::Alias').map(([id]) => id)).toEqual(aliases.map(([id]) => id));
  });

  test('keep the logical ids of event source mappings, so no queue has two while a stack is updated', () => {
    const ids = ofType(prod, 'AWS::Lambda::EventSourceMapping').map(([id]) => id);
    expect(ids).toContain('DeliverFunctionSqsEventSourceTributaryprodDeliveryQueueC51530E35DD503E0');
  });

  test('link to the page about upgrades', () => {
    const page = readFileSync(new URL('../../docs/operate/upgrade.md', import.meta.url), 'utf8');
    expect(page).toContain('\n## When a deployment is rolled back\n');
    const ofDeployments = ofType(prod, 'AWS::CloudWatch::Alarm').filter(([id]) =>
      /(NewVersion|FailedRecords)Alarm/.test(id),
    );
    expect(ofDeployments).toHaveLength(17);
    for (const [id, { Properties }] of ofDeployments)
      expect(Properties.AlarmDescription, id).toMatch(/docs\/operate\/upgrade\.md#when-a-deployment-is-rolled-back$/);
  });
});

test('permissions are the reviewed ones', async () => {
  await expect(permissionsTable(dev)).toMatchFileSnapshot('__snapshots__/permissions.md');
});

test('resources and their removal policies are the reviewed ones', async () => {
  const { prod } = synthesized;
  await expect(resourcesTable({ dev, prod })).toMatchFileSnapshot('__snapshots__/resources.md');
});

/** The role of CDK's function that empties buckets when a stack without retained data is deleted. */
function isEmptier(principal: unknown): boolean {
  return JSON.stringify(principal).includes('CustomS3AutoDeleteObjects');
}

function isNotTls(condition: unknown): boolean {
  return JSON.stringify(condition) === JSON.stringify({ Bool: { 'aws:SecureTransport': 'false' } });
}
