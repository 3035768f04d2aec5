import {
  ConditionalCheckFailedException,
  type DynamoDBClient,
  type PutItemCommand,
  type UpdateItemCommand,
} from '@aws-sdk/client-dynamodb';

/** Put a row under its condition. @returns Whether the condition held. */
export async function putOnCondition(client: DynamoDBClient, put: PutItemCommand): Promise<boolean> {
  return held(client.send(put));
}

/** Update a row under its condition. @returns Whether the condition held. */
export async function updateOnCondition(client: DynamoDBClient, update: UpdateItemCommand): Promise<boolean> {
  return held(client.send(update));
}

async function held(sending: Promise<unknown>): Promise<boolean> {
  try {
    await sending;
    return true;
  } catch (error) {
    if (error instanceof ConditionalCheckFailedException) return false;
    throw error;
  }
}
