import type * as EventBridge from '@aws-sdk/client-eventbridge';
import { EngineError } from '../../contracts/engine-error.ts';
import type { OperatorNotices } from '../../ports/delivery/notices.ts';
import { chunks } from '../dynamo/rows/chunks.ts';
import { clientSettings } from './client-settings.ts';

/** @see https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html */
const maxBatch = 10;
/** Tries to send the entries that the event bus did not take. */
const batchTries = 4;
const source = 'tributary';

/**
 * Sends notices as events to the AWS account's default bus, where the team may add its own rules. The client is loaded
 * with the first notice, because almost no invocation has one.
 */
export function createEventBridgeOperatorNotices(
  settings: EventBridge.EventBridgeClientConfig = clientSettings,
): OperatorNotices {
  let loading:
    | Promise<{ readonly sdk: typeof EventBridge; readonly client: EventBridge.EventBridgeClient }>
    | undefined;
  const load = () => {
    loading ??= import('@aws-sdk/client-eventbridge').then((sdk) => ({
      sdk,
      client: new sdk.EventBridgeClient(settings),
    }));
    return loading;
  };
  return {
    async send(notices) {
      const { sdk, client } = await load();
      for (const chunk of chunks(notices, maxBatch)) {
        let entries = chunk.map(({ type, detail }) => ({
          Source: source,
          DetailType: type,
          Detail: JSON.stringify(detail),
        }));
        for (let tries = 0; entries.length > 0; tries += 1) {
          if (tries === batchTries)
            throw new EngineError('storage-unavailable', `the event bus did not take ${entries.length} notices`, {
              retryable: true,
            });
          const { Entries: results = [] } = await client.send(new sdk.PutEventsCommand({ Entries: entries }));
          // Results are in the order of the entries; an entry without a result was not taken either.
          entries = entries.filter((_, index) => results[index]?.EventId === undefined);
        }
      }
    },
  };
}
