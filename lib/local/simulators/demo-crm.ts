import { fileURLToPath } from 'node:url';
import { compileIntegrations } from '../../definitions/compile-integrations.ts';
import { readExchanges } from '../../definitions/exchanges.ts';
import { type ProviderSimulator, startProviderSimulator } from './provider/provider-simulator.ts';
import { type SteadyChanges, startSteadyChanges } from './provider/records/steady-changes.ts';

const integrationsFolder = new URL('../../../integrations/', import.meta.url);
/** The integration whose API the demo simulates. */
export const crmName = 'legacy-crm';
/** Where its definition expects the API. */
const crmOrigin = 'https://api.legacy-crm.example';

/** Few: each is an event of a first run. */
const demoRecords = {
  'crm/contacts': 12,
  'crm/companies': 4,
  'crm/deals': 4,
  'crm/leads': 4,
  'crm/activities': 4,
};
const changesPerMinute = 6;

/** The simulated CRM of the demo, and the option with which the engine's functions call it. */
export interface DemoCrm {
  readonly provider: ProviderSimulator;
  /** For the engine's `hosts`. */
  readonly host: string;
}

export async function startDemoCrm(): Promise<DemoCrm> {
  const definition = compileIntegrations(integrationsFolder).get(crmName);
  if (definition === undefined) throw new Error(`there is no integration ${crmName}`);
  const provider = await startProviderSimulator({
    definition,
    exchanges: readExchanges(fileURLToPath(integrationsFolder), crmName),
    records: demoRecords,
    origin: crmOrigin,
  });
  return { provider, host: `${crmOrigin}=${provider.url}` };
}

/** Change records of the CRM a few times a minute. It sends no webhook, so only its syncs find them. */
export function startCrmChanges({ provider }: DemoCrm, onFailure: (error: Error) => void): SteadyChanges {
  return startSteadyChanges(provider, {
    resources: ['crm/contacts', 'crm/companies', 'crm/deals'],
    perMinute: changesPerMinute,
    seed: 'demo',
    onFailure,
  });
}
