import { once } from 'node:events';
import { connect } from 'node:net';
import { DynamoDBClient, ListTablesCommand } from '@aws-sdk/client-dynamodb';
import { ListQueuesCommand, SQSClient } from '@aws-sdk/client-sqs';
import { expect, test } from 'vitest';
import { type EmulatorKind, startEmulator } from '../../../../lib/local/emulators/emulator.ts';

const config = { region: 'us-east-1', credentials: { accessKeyId: 'x', secretAccessKey: 'x' } };

test.each(['dynalite', 'fauxqs'] as EmulatorKind[])(
  '%s survives a client that dies in the middle of a request',
  async (kind) => {
    const crashes: Error[] = [];
    const emulator = await startEmulator(kind, (error) => crashes.push(error));
    const { port } = new URL(emulator.endpoint);
    for (let attempt = 0; attempt < 5; attempt++) {
      const socket = connect(Number(port), '127.0.0.1');
      await once(socket, 'connect');
      socket.write(
        'POST / HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-amz-json-1.0\r\ncontent-length: 99\r\n\r\n{"a',
      );
      // Reset the connection after the server has received the head of the request.
      await emulator.setClockOffset(attempt);
      socket.resetAndDestroy();
      await once(socket, 'close');
    }
    const dynamodb = new DynamoDBClient({ ...config, endpoint: emulator.endpoint });
    const sqs = new SQSClient({ ...config, endpoint: emulator.endpoint });
    await (kind === 'dynalite' ? dynamodb.send(new ListTablesCommand()) : sqs.send(new ListQueuesCommand()));
    dynamodb.destroy();
    sqs.destroy();
    await emulator.stop();
    expect(crashes).toEqual([]);
  },
);
