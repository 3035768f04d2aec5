import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { S3Client } from '@aws-sdk/client-s3';
import { SQSClient, type SQSClientConfig } from '@aws-sdk/client-sqs';
import type { LocalEndpoints } from './template/resource-type.ts';

interface ClientConfig {
  readonly endpoint: string;
  readonly region: string;
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string };
}

/**
 * Names the caller, and signs nothing: emulators check no signature, and the poller makes four of the fourteen requests
 * that an event takes.
 */
function namingSigner(accessKeyId: string): Extract<SQSClientConfig['signer'], { sign: unknown }> {
  return {
    async sign(request) {
      request.headers['authorization'] = `AWS4-HMAC-SHA256 Credential=${accessKeyId}/local`;
      return request;
    },
  };
}

/** The clients of the runner itself: three to provision the stack, and the one that polls queues, through the gate. */
export function openClients(
  clientConfig: (service: 'sqs' | 's3' | 'dynamodb') => ClientConfig,
  endpoints: LocalEndpoints,
  undo: (() => unknown)[],
): Record<'sqs' | 'poller', SQSClient> & { readonly s3: S3Client; readonly dynamodb: DynamoDBClient } {
  // md5: the runner moves bodies without reading them; the functions that read them check them.
  const sqs = new SQSClient({ ...clientConfig('sqs'), md5: false });
  const s3 = new S3Client(clientConfig('s3'));
  const dynamodb = new DynamoDBClient(clientConfig('dynamodb'));
  const poller = new SQSClient({
    ...clientConfig('sqs'),
    endpoint: endpoints.sqs,
    md5: false,
    cacheMiddleware: true,
    signer: namingSigner(clientConfig('sqs').credentials.accessKeyId),
  });
  undo.push(() => [sqs, s3, dynamodb, poller].forEach((client) => client.destroy()));
  return { sqs, s3, dynamodb, poller };
}
