import { fileURLToPath } from 'node:url';
import { compileIntegrations } from '../../definitions/compile-integrations.ts';
import { readExchanges } from '../../definitions/exchanges.ts';
import { type ProviderSimulator, startProviderSimulator } from './provider/provider-simulator.ts';

const integrationsFolder = new URL('../../../integrations/', import.meta.url);
/** The integration whose API the demo simulates. */
export const crmName = 'legacy-crm';
/** Where its definition expects the API. */
const crmOrigin = 'https://api.legacy-crm.example';

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
    records: 20,
    origin: crmOrigin,
  });
  return { provider, host: `${crmOrigin}=${provider.url}` };
}
