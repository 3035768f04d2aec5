import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { hasWebhook } from '../../../lambdas/engine/definition/has-webhook.ts';
import type { Definition, WebhookDefinition } from '../../../lambdas/engine/definition/schema.ts';
import { noResources } from '../../../lambdas/engine/mapping/check-resource.ts';
import { receiveWebhook } from '../../../lambdas/engine/reception/decide-reception.ts';
import { prepareWebhook } from '../../../lambdas/engine/reception/prepare-webhook.ts';
import { readXml } from '../../../lambdas/engine/request/read-xml.ts';
import type { WebhookRequest } from '../../../lambdas/engine/request/webhook-request.ts';
import { makeKeys } from '../../definitions/make-keys.ts';
import { signRequest } from '../../definitions/sign-request.ts';
import type { CommandPorts } from '../command.ts';
import { checkExchange } from '../explain/check-exchange.ts';
import { comparableItems } from '../explain/compare-events.ts';
import { loadDefinition, loadExchanges, loadSamples } from '../explain/load-integration.ts';
import { mapRequestOffline } from '../explain/map-request-offline.ts';
import { testTimeMs } from '../explain/test-time.ts';

/** Write what is expected of an integration's samples and exchanges. @returns Notes of what was left as it is. */
export async function updateExpected(name: string, ports: CommandPorts): Promise<readonly string[]> {
  const definition = loadDefinition(ports.integrations, name);
  const notes = await updateExchanges(definition, ports);
  if (hasWebhook(definition)) await writeExpected(definition, ports);
  return notes;
}

/** An exchange with a fault is left as it is: what comes of it is not what the author expects. */
async function updateExchanges(definition: Definition, { integrations }: CommandPorts): Promise<readonly string[]> {
  const notes: string[] = [];
  for (const exchanges of loadExchanges(integrations, definition.name)) {
    const { result, faults } = await checkExchange(definition, exchanges, noResources);
    if (result === undefined) {
      notes.push(`--update left exchanges/${basename(exchanges.file)} as it is: ${faults[0]}`);
      continue;
    }
    const written = JSON.parse(readFileSync(exchanges.file, 'utf8')) as object;
    writeFileSync(exchanges.file, `${JSON.stringify({ ...written, expected: result }, undefined, 2)}\n`);
  }
  return notes;
}

/** @param overlay - The folder of a candidate: only events that differ from the expected ones are written, there. */
export async function writeExpected(
  definition: WebhookDefinition,
  { integrations }: CommandPorts,
  overlay?: string,
): Promise<void> {
  const folder = join(integrations, definition.name, overlay ?? '', 'expected');
  for (const { name, request, expected } of loadSamples(integrations, definition.name, overlay)) {
    const items = await itemsOf(definition, request);
    if (items === undefined) continue;
    if (overlay !== undefined && isDeepStrictEqual(JSON.parse(JSON.stringify(items)), expected)) continue;
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, `${name}.json`), `${JSON.stringify(items, undefined, 2)}\n`);
  }
}

/** @returns Undefined for a sample that cannot be signed or mapped; its test tells why. */
async function itemsOf(
  definition: WebhookDefinition,
  request: WebhookRequest,
): Promise<readonly unknown[] | undefined> {
  const keys = makeKeys(definition, 'current');
  let signed: WebhookRequest;
  try {
    signed = signRequest(definition, request, keys, testTimeMs);
  } catch {
    return undefined;
  }
  const reception = receiveWebhook(prepareWebhook(definition, readXml), signed, keys.secrets, testTimeMs);
  if (reception.kind === 'handshake') return [];
  const mapped = await mapRequestOffline(definition, signed, keys.secrets, testTimeMs);
  return mapped.kind === 'failed' ? undefined : comparableItems(mapped);
}
