import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Reception, receiveWebhook } from '../../lambdas/engine/reception/decide-reception.ts';
import { prepareWebhook } from '../../lambdas/engine/reception/prepare-webhook.ts';
import { readXml } from '../../lambdas/engine/request/read-xml.ts';
import type { WebhookRequest } from '../../lambdas/engine/request/webhook-request.ts';
import { compileWebhookIntegrations } from '../../lib/definitions/compile-integrations.ts';
import { readSamples } from '../../lib/definitions/samples.ts';
import { signRequest } from '../../lib/definitions/sign-request.ts';
import { hostileRequests, isLetIn, leastCpuMs } from '../fakes/hostile-requests.ts';
import { propertyRuns } from '../property-runs.ts';
import { signingKeysOf } from './signing-keys.ts';

const root = new URL('../../integrations/', import.meta.url);
const nowMs = Date.parse('2026-11-22T12:00:00.000Z');
/** No request takes 50 ms on a quiet machine; the rest is tolerance for a busy machine. */
const maxCpuMs = 250;

describe.each([...compileWebhookIntegrations(root)].map(([name, definition]) => ({ name, definition })))(
  '$name',
  ({ name, definition }) => {
    const webhook = prepareWebhook(definition, readXml);
    const { secrets } = signingKeysOf(definition, 'right');
    const forgers = signingKeysOf(definition, 'wrong');

    function expectTurnedAway(request: WebhookRequest) {
      let reception: Reception | undefined;
      const cpuMs = leastCpuMs(() => {
        reception = receiveWebhook(webhook, request, secrets, nowMs);
      }, maxCpuMs);
      expect(cpuMs).toBeLessThan(maxCpuMs);
      expect(isLetIn(definition, reception as Reception)).toBe(false);
    }

    test('no malformed request is accepted, throws or takes long', () => {
      fc.assert(fc.property(hostileRequests(definition), expectTurnedAway), propertyRuns(30, 300));
      expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
    });

    test('no sample is accepted that a forger signed or mixed with parts of another request', () => {
      const samples = readSamples(root, name).map(({ request }) => signRequest(definition, request, forgers, nowMs));
      fc.assert(
        fc.property(fc.constantFrom(...samples), hostileRequests(definition), fc.nat(), (sample, hostile, parts) => {
          expectTurnedAway({
            ...sample,
            ...(parts & 1 ? { body: hostile.body } : {}),
            ...(parts & 2 ? { query: hostile.query, url: hostile.url } : {}),
            ...(parts & 4 ? { method: hostile.method } : {}),
            headers: { ...sample.headers, ...(parts & 8 ? hostile.headers : {}) },
          });
        }),
        propertyRuns(20, 200),
      );
    });
  },
);
