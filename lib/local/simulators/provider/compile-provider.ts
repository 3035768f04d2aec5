import { callsOf } from '../../../../lambdas/engine/definition/calls-of.ts';
import type { Definition } from '../../../../lambdas/engine/definition/schema.ts';
import type { ApiSpec } from '../../../../lambdas/engine/provider/language/api-schema.ts';
import type { Exchanges } from '../../../definitions/exchanges.ts';
import { plainTime } from './faults/write-times.ts';
import { createRecordStore, type RecordStore } from './records/record-store.ts';
import { bindingsOf, recordTemplates } from './records/record-templates.ts';
import { type ServedCall, serveCall, type UnservedCall } from './served-call.ts';

/** A definition as a provider that can answer. */
export interface CompiledProvider {
  readonly api: ApiSpec;
  /** By the name of the call, such as `ticketing/tickets.list`. */
  readonly served: ReadonlyMap<string, ServedCall>;
  readonly unserved: readonly UnservedCall[];
  /** By the resource that declares the calls, without records. */
  readonly stores: ReadonlyMap<string, RecordStore>;
  /** Of the account whose data the provider has. */
  readonly context: Readonly<Record<string, unknown>>;
  /** Of the last write, over all resources. */
  readonly lastSerial: () => number;
}

/** Records with which answers are tried. */
const trialRecords = 2;

/**
 * Reverse a definition: find which requests it makes, and how to answer them.
 *
 * @param context - Of the account. The exchanges give the missing values.
 * @throws {TypeError} for a definition without `api`.
 */
export async function compileProvider(
  definition: Definition,
  exchanges: readonly Exchanges[],
  context: Readonly<Record<string, unknown>> = {},
): Promise<CompiledProvider> {
  const { api } = definition;
  if (api === undefined) throw new TypeError(`the definition of ${definition.name} has no \`api\``);
  const shown: Readonly<Record<string, unknown>> = Object.assign(
    {},
    ...exchanges.map(({ account }) => account.context).reverse(),
    context,
  );
  const stores = new Map<string, RecordStore>();
  const trialStores = new Map<string, RecordStore>();
  const bindings = bindingsOf(shown);
  let serial = 0;
  const nextSerial = () => (serial += 1);
  for (const [resource, { from, map }] of Object.entries(definition.resources ?? {})) {
    if (from !== undefined || map === undefined) continue;
    const templates = await recordTemplates(definition, resource, exchanges);
    const options = { definition, resource, templates, bindings, nextSerial };
    stores.set(resource, createRecordStore(options));
    const trial = createRecordStore(options);
    for (let place = 0; place < trialRecords && trial.hasTemplates; place += 1)
      await trial.add(undefined, plainTime(1_790_000_000_000));
    trialStores.set(resource, trial);
  }
  const calls = await Promise.all(
    callsOf(definition).map((call) => serveCall({ definition, api, exchanges, context: shown, trialStores }, call)),
  );
  const served = calls.filter((call) => 'shape' in call);
  return {
    api,
    served: new Map(served.map((call) => [call.pattern.name, call])),
    unserved: calls.filter((call) => 'reason' in call),
    stores,
    context: shown,
    lastSerial: () => serial,
  };
}
