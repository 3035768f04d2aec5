import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { carriedRecordPlansOf } from '../../lambdas/engine/definition/plan-answer.ts';
import type { CanonicalEvent } from '../../lambdas/engine/event/canonical-event.ts';
import { checkResource, prepareResources } from '../../lambdas/engine/mapping/check-resource.ts';
import { decryptItems } from '../../lambdas/engine/mapping/decrypt-items.ts';
import { mapRequest, prepareMapping } from '../../lambdas/engine/mapping/map-request.ts';
import { deliveryIdOf } from '../../lambdas/engine/reception/decide-reception.ts';
import { decodeBody } from '../../lambdas/engine/request/decode-body.ts';
import { readXml } from '../../lambdas/engine/request/read-xml.ts';
import type { WebhookRequest } from '../../lambdas/engine/request/webhook-request.ts';
import { compileResources } from '../../lib/definitions/compile-resources.ts';
import { type IntegrationUnderTest, integrations, integrationUnderTest, root } from './integration-under-test.ts';

const resources = prepareResources(compileResources(root), { everyFault: true });

type MappedIntegration = IntegrationUnderTest & { readonly mapping: ReturnType<typeof prepareMapping> };

describe.each(integrations)('$name', ({ name, definition }) => {
  const subject = {
    ...integrationUnderTest(name, definition),
    mapping: prepareMapping(definition.mapping, resources, undefined, carriedRecordPlansOf(definition)),
  };
  const { samples } = subject;

  test('has samples with an expected file each, and some samples give events', () => {
    const folder = new URL(`${name}/expected/`, root);
    expect(samples.length).toBeGreaterThan(0);
    expect(samples.some((sample) => readExpected(name, sample.name).length > 0)).toBe(true);
    expect(existsSync(folder) ? readdirSync(folder).sort() : []).toEqual(
      samples.map(({ name }) => `${name}.json`).sort(),
    );
  });

  describe.each(samples)('sample $name', (sample) => {
    const signed = subject.sign(sample.request);
    const map = (...call: [WebhookRequest, string?, string?]) => mapEvents(subject, ...call);

    test('gives the expected events', async () => {
      const { events, polls } = await mapRequestOf(subject, signed);
      const asked = polls.map(({ poll }) => ({ poll }));
      expect([...events.map(comparable), ...asked]).toEqual(readExpected(name, sample.name));
    });

    test('gives data that fits the schema of its resource, with the version of the schema', async () => {
      for (const { resource, data, schema_version: version } of await map(signed)) {
        // A custom resource may have no schema.
        expect(checkResource(resources, resource, data) ?? [], resource).toEqual([]);
        expect(version).toBe(resources.schemas.get(resource)?.version ?? '0.0.0');
      }
    });

    test('gives the same ids for a repeated request, and other ids for another account', async () => {
      const ids = async (...call: Parameters<typeof map>) => (await map(...call)).map(({ id }) => id);
      const first = await ids(signed);
      expect(await ids(signed, 'acc_1', '2026-11-22T12:34:56.000Z')).toEqual(first);
      expect(new Set([...first, ...(await ids(signed, 'acc_2'))]).size).toBe(2 * first.length);
    });
  });
});

async function mapEvents(...given: Parameters<typeof mapRequestOf>) {
  return (await mapRequestOf(...given)).events;
}

/** Decode, decrypt and map a request, as the deployed functions do. */
async function mapRequestOf(
  { name, definition, webhook, keys, mapping }: MappedIntegration,
  request: WebhookRequest,
  account = 'acc_1',
  receivedAt = '2026-11-22T12:00:00.000Z',
) {
  const decoded = decodeBody(definition.webhook.decode, request, readXml);
  if (decoded.kind === 'malformed') throw new Error(`expected ${decoded.expected}`);
  const { decrypt } = webhook;
  const decrypted =
    decrypt === undefined
      ? { kind: 'decrypted' as const, body: decoded.value }
      : decryptItems(decrypt, decoded.value, keys.secrets);
  if (decrypted.kind === 'failed') throw new Error(decrypted.reason);
  const { headers, query, method, path, body: rawBody } = request;
  const result = await mapRequest(
    mapping,
    { body: decrypted.body, headers, query: Object.fromEntries(new URLSearchParams(query)), method, path },
    {
      tenant: 'acme',
      account,
      integration: name,
      receivedAt,
      deliveryId: deliveryIdOf(webhook, request, decoded.value),
      rawBody,
    },
  );
  if (result.kind === 'failed') throw new Error(result.reason);
  return result;
}

/** The members of an event that depend neither on the account nor on the clock, as JSON. */
function comparable(event: Omit<CanonicalEvent, 'sequence'>): unknown {
  const { type, resource, record_id, raw_event_type, occurred_at, thin, data } = event;
  return JSON.parse(JSON.stringify({ type, resource, record_id, raw_event_type, occurred_at, thin, data }));
}

function readExpected(integration: string, sample: string): readonly unknown[] {
  return JSON.parse(readFileSync(new URL(`${integration}/expected/${sample}.json`, root), 'utf8')) as unknown[];
}
