import { CloudFormationClient, DescribeStacksCommand } from '@aws-sdk/client-cloudformation';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { createS3ClaimStore } from '../../../lambdas/adapters/aws/s3-claim-store.ts';
import { UnusableInput } from '../command.ts';
import type { Deployment } from './deployment.ts';

/**
 * Find a deployed stack, with the AWS credentials and the region of the environment.
 *
 * @throws {UnusableInput} where there is no such stack, or none that may be seen.
 */
export async function findDeployment(name: string): Promise<Deployment> {
  try {
    const { Stacks = [] } = await new CloudFormationClient().send(new DescribeStacksCommand({ StackName: name }));
    const outputs = (Stacks[0]?.Outputs ?? []).map(
      ({ OutputKey = '', OutputValue = '' }) => [OutputKey, OutputValue] as const,
    );
    return { outputs: new Map(outputs), dynamo: new DynamoDBClient(), bucket: createS3ClaimStore };
  } catch (error) {
    throw new UnusableInput(
      `The stack ${name} cannot be read: ${(error as Error).message}. Check the region (AWS_REGION), the credentials, and the name.`,
    );
  }
}
