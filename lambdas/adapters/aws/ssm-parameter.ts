import { GetParameterCommand, SSMClient } from '@aws-sdk/client-ssm';
import { clientSettings } from './client-settings.ts';

/** The value of an SSM parameter, decrypted; empty where it has none. */
export async function readSsmParameter(
  name: string,
  client: SSMClient = new SSMClient(clientSettings),
): Promise<string> {
  const { Parameter } = await client.send(new GetParameterCommand({ Name: name, WithDecryption: true }));
  return Parameter?.Value ?? '';
}
