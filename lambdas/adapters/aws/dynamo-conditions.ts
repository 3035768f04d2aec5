import { ConditionalCheckFailedException, type DynamoDBClient, type PutItemCommand } from '@aws-sdk/client-dynamodb';

/** Put a row under its condition. @returns Whether the condition held. */
export async function putOnCondition(client: DynamoDBClient, put: PutItemCommand): Promise<boolean> {
  try {
    await client.send(put);
    return true;
  } catch (error) {
    if (error instanceof ConditionalCheckFailedException) return false;
    throw error;
  }
}
