import { GetParameterCommand, SSMClient } from '@aws-sdk/client-ssm';
import { EngineError } from '../../contracts/engine-error.ts';
import { readOtlpHeaders } from '../../engine/trace/otlp-json.ts';
import { clientSettings } from './client-settings.ts';

/**
 * The headers of a collector, from an SSM parameter.
 *
 * @throws {configuration-invalid} when the parameter does not hold headers.
 */
export async function readSsmOtlpHeaders(
  name: string,
  client: SSMClient = new SSMClient(clientSettings),
): Promise<Readonly<Record<string, string>>> {
  const { Parameter } = await client.send(new GetParameterCommand({ Name: name, WithDecryption: true }));
  const headers = readOtlpHeaders(Parameter?.Value ?? '');
  if (headers === undefined)
    throw new EngineError('configuration-invalid', `the parameter ${name} must hold name=value,name=value`, {
      retryable: false,
    });
  return headers;
}
