import { type DynamoDBClient, GetItemCommand, PutItemCommand } from '@aws-sdk/client-dynamodb';
import type {
  IntegrationSettings,
  IntegrationSettingsDirectory,
  IntegrationSettingsStore,
} from '../../../ports/accounts/integration-settings-store.ts';
import type { Clock } from '../../../ports/runtime/clock.ts';
import { putOnCondition } from '../rows/conditions.ts';
import { fromItem, toItem } from '../rows/row-codecs.ts';

export function createDynamoIntegrationSettings(
  client: DynamoDBClient,
  table: string,
  clock: Clock,
): IntegrationSettingsStore & IntegrationSettingsDirectory {
  const remembered = new Map<string, { readonly settings: IntegrationSettings; readonly readAtMs: number }>();
  return {
    async get(integration, maxAgeMs) {
      const known = remembered.get(integration);
      if (known !== undefined && clock.nowMs() - known.readAtMs < maxAgeMs) return known.settings;
      remembered.delete(integration);
      const readAtMs = clock.nowMs();
      const { Item } = await client.send(
        new GetItemCommand({ TableName: table, Key: toItem({ integration }), ConsistentRead: true }),
      );
      if (Item === undefined) return undefined;
      // Rows of older versions have no revision.
      const settings = { revision: 0, ...fromItem(Item) } as unknown as IntegrationSettings;
      remembered.set(integration, { settings, readAtMs });
      return settings;
    },
    async replace(settings) {
      const put = new PutItemCommand({
        TableName: table,
        Item: toItem({ ...settings, revision: settings.revision + 1 }),
        ConditionExpression: 'revision = :read OR (attribute_not_exists(revision) AND :read = :none)',
        ExpressionAttributeValues: toItem({ ':read': settings.revision, ':none': 0 }),
      });
      return putOnCondition(client, put);
    },
  };
}
