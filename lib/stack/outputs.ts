import { CfnOutput, Stack } from 'aws-cdk-lib';
import type { PublicHttpApi } from '../constructs/public-http-api.ts';
import type { EngineBuilder } from './engine-builder.ts';
import type { HttpApis } from './http-apis.ts';
import type { Storage } from './storage.ts';

/** Tell a deployer and scripts what the stack made. Lists are JSON objects, by the names that these pages use. */
export function createOutputs(
  { scope, alarms, queues, functions }: EngineBuilder,
  { tables, buckets }: Storage,
  { httpApi, webhookApis: [webhookApi], publicUrl, ingressUrl }: HttpApis,
): void {
  const output = (name: string, value: string, description: string) =>
    new CfnOutput(scope, name, { value, description });
  const stack = Stack.of(scope);
  const listing = (entries: Iterable<readonly [string, string]>) => stack.toJsonString(Object.fromEntries(entries));

  output('ApiUrl', publicUrl, 'Origin of the API and the feed');
  output('ConsoleUrl', `${publicUrl}/console`, 'The browser console');
  output('IngressUrl', `${ingressUrl}/in`, 'Where webhooks come in; an account shows its own URL');
  output('ApiId', httpApi.id, 'Id of the HTTP API');
  output('AlarmTopicArn', alarms.topic.topicArn, 'SNS topic of all alarms');
  output(
    'TableNames',
    listing(Object.entries(tables).map(([name, { tableName }]) => [name, tableName])),
    'Tables, by name',
  );
  output(
    'BucketNames',
    listing(Object.entries(buckets).map(([name, { bucketName }]) => [name, bucketName])),
    'Buckets, by name',
  );
  output(
    'DeadLetterQueueUrls',
    listing([...queues].map(([name, { deadLetterQueue }]) => [name, deadLetterQueue.queueUrl])),
    'Dead-letter queues, by the name of their queue',
  );
  output(
    'LogGroupNames',
    listing([
      ...logsOf('requests', httpApi),
      ...(webhookApi === httpApi ? [] : logsOf('webhook-requests', webhookApi)),
      ...[...functions].map(([name, { logGroup }]) => [name, logGroup.logGroupName] as const),
    ]),
    'Log groups, by function; those of requests are the HTTP APIs’',
  );
}

function logsOf(name: string, { requestLogs }: PublicHttpApi): (readonly [string, string])[] {
  return requestLogs === undefined ? [] : [[name, requestLogs.logGroupName]];
}
