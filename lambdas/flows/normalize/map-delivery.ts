import { EngineError } from '../../contracts/engine-error.ts';
import type { RawMessage } from '../../contracts/messages.ts';
import { type Decryption, decryptItems } from '../../engine/mapping/decrypt-items.ts';
import type { PreparedWebhook } from '../../engine/reception/prepare-webhook.ts';
import { decodeBody } from '../../engine/request/decode-body.ts';
import type { WebhookRequest } from '../../engine/request/webhook-request.ts';
import { confirm } from './confirm-handshake.ts';
import { mapForAccount } from './map-for-account.ts';
import {
  accepting,
  accountMaxAgeMs,
  deadLetter,
  isGone,
  type Mapping,
  type NormalizePorts,
  type RawDelivery,
  type ReadRequest,
  secretsOf,
  toMapping,
} from './normalization.ts';
import { mapForItsAccounts, pollNow } from './route-to-accounts.ts';

export async function mapDelivery(ports: NormalizePorts, delivery: RawDelivery): Promise<Mapping> {
  const { message } = delivery;
  const integration = await ports.integration(message.integration);
  if (integration === undefined)
    return deadLetter(ports, delivery, `no integration "${message.integration}" is deployed`);

  const account = await accepting(ports, message);
  // Check before reading the body, which may be gone: an erased account's request must not reach a dead-letter queue.
  if (account !== undefined && isGone(account, message)) return { kind: 'ignored' };
  const body = await bodyOf(ports, message);
  if (body === undefined) return deadLetter(ports, delivery, 'its body is no longer kept');
  const request: WebhookRequest = { ...message.request, body };
  const { decode, readXml } = integration.webhook;
  const decoded = decodeBody(decode, request, readXml);
  if (message.handshake !== undefined) {
    // Ingress answers an unsigned handshake even if its body cannot be decoded.
    const value = decoded.kind === 'decoded' ? decoded.value : undefined;
    return confirm(ports, delivery, integration.webhook, request, value, message.handshake);
  }
  if (decoded.kind === 'malformed') return deadLetter(ports, delivery, `body: expected ${decoded.expected}`);
  const decrypted = await decrypt(ports, message, integration.webhook, decoded.value);
  if (decrypted.kind === 'failed') return deadLetter(ports, delivery, `body: ${decrypted.reason}`);
  const read: ReadRequest = {
    request,
    decoded: decoded.value,
    input: {
      body: decrypted.body,
      headers: request.headers,
      query: Object.fromEntries(new URLSearchParams(request.query)),
      method: request.method,
      path: request.path,
    },
    trials: [],
  };
  if (message.account === undefined)
    return { ...(await mapForItsAccounts(ports, delivery, integration, read)), trials: read.trials };

  if (account === undefined || account.integration !== message.integration) {
    await ports.rawDeadLetters.send(delivery.body, `account "${message.account}" does not exist`);
    return { kind: 'unrouted' };
  }
  const mapped = await mapForAccount(ports, delivery, integration, read, account);
  if (mapped.kind === 'failed') return { ...(await deadLetter(ports, delivery, mapped.reason)), trials: read.trials };
  const polls = mapped.polls.map(({ poll }) => pollNow(account, poll));
  return { ...toMapping(mapped.events, integration.resources, polls), trials: read.trials };
}

/**
 * Decrypt the parts that the definition marks as encrypted. If the remembered key fails, retry with the current one.
 */
async function decrypt(
  ports: NormalizePorts,
  message: RawMessage,
  { decrypt: spec }: PreparedWebhook,
  decoded: unknown,
): Promise<Decryption> {
  if (spec === undefined) return { kind: 'decrypted', body: decoded };
  const remembered = decryptItems(spec, decoded, await secretsOf(ports, message, accountMaxAgeMs));
  return remembered.kind === 'decrypted' ? remembered : decryptItems(spec, decoded, await secretsOf(ports, message, 0));
}

/** @returns Undefined when the body is no longer stored. */
async function bodyOf(ports: NormalizePorts, { body }: RawMessage): Promise<Buffer | undefined> {
  if (body.kind === 'inline') return Buffer.from(body.content, body.encoding);
  try {
    return await ports.rawBodies.get(body.key);
  } catch (error) {
    if (error instanceof EngineError && error.code === 'corrupt-state') return undefined;
    throw error;
  }
}
