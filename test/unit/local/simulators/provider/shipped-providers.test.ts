import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { callsOf } from '../../../../../lambdas/engine/definition/calls-of.ts';
import { compileIntegrations } from '../../../../../lib/definitions/compile-integrations.ts';
import { type Exchanges, readExchanges } from '../../../../../lib/definitions/exchanges.ts';
import {
  type CompiledProvider,
  compileProvider,
} from '../../../../../lib/local/simulators/provider/compile-provider.ts';
import { toProviderRequest } from '../../../../../lib/local/simulators/provider/requests/provider-request.ts';
import { routeRequest } from '../../../../../lib/local/simulators/provider/requests/route-request.ts';

const root = new URL('../../../../../integrations/', import.meta.url);
const definitions = [...compileIntegrations(root).values()].filter(({ api }) => api !== undefined);
const exchangesOf = (name: string) => readExchanges(fileURLToPath(root), name);

/** Calls of shipped definitions that the simulator cannot answer, each with its reason. */
const unserved: Readonly<Record<string, readonly string[]>> = {};
/** Calls that it answers. A new definition may add to them. */
const leastServed = 361;

const compiled = new Map<string, CompiledProvider>();

describe('the calls of the shipped definitions', () => {
  test('are served, but for those that are listed', async () => {
    const served: string[] = [];
    const missing: Record<string, readonly string[]> = {};
    let declared = 0;
    for (const definition of definitions) {
      const provider = await compileProvider(definition, exchangesOf(definition.name));
      compiled.set(definition.name, provider);
      declared += callsOf(definition).length;
      served.push(...provider.served.keys());
      if (provider.unserved.length > 0)
        missing[definition.name] = provider.unserved.map(({ name, reason }) => `${name}: ${reason}`);
    }
    expect(missing).toEqual(unserved);
    expect(served.length).toBe(declared - Object.values(unserved).flat().length);
    expect(served.length).toBeGreaterThanOrEqual(leastServed);
  });

  test.each(definitions.map((definition) => [definition.name, definition] as const))(
    'of %s are recognized in every request of its exchanges',
    async (name, definition) => {
      const exchanges = exchangesOf(name);
      const { served } = compiled.get(name) ?? (await compileProvider(definition, exchanges));
      const patterns = [...served.values()].map(({ pattern }) => pattern);
      const unknown = exchanges.flatMap((one) => {
        const from = definition.resources?.[one.resource ?? '']?.from ?? one.resource;
        const wanted = from === undefined || one.method === 'test' ? 'test' : `${from}.${one.method}`;
        const names = requestsOf(one).map((request) =>
          routeRequest(patterns, request).map(({ pattern }) => pattern.name),
        );
        return names.some((found) => !found.includes(wanted)) ? [`${one.name}: ${wanted}`] : [];
      });
      expect(unknown).toEqual([]);
    },
  );
});

/** The requests of an exchange, without those that follow a link of the provider: the simulator's links are its own. */
function requestsOf({ exchanges, resource, method }: Exchanges) {
  return exchanges.flatMap(({ request }, index) => {
    if (index > 0 && isLinked(resource, method)) return [];
    const { body, url, method: verb, headers } = request;
    const lower = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
    const text = body === undefined ? '' : typeof body === 'string' ? body : JSON.stringify(body);
    return toProviderRequest({ method: verb, url, headers: lower, text });
  });
}

function isLinked(resource: string | undefined, method: Exchanges['method']): boolean {
  if (method !== 'list' && method !== 'changes') return false;
  return definitions.some(({ resources }) => {
    const page = resources?.[resource ?? '']?.[method]?.page;
    return page?.next !== undefined || page?.link !== undefined;
  });
}
