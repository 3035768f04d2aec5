import { afterEach } from 'vitest';
import {
  type ProviderSimulator,
  type ProviderSimulatorOptions,
  startProviderSimulator,
} from '../../../../../lib/local/simulators/provider/provider-simulator.ts';
import { createManualClock } from '../../../../fakes/manual-clock.ts';
import { deskExchanges, simulatedDesk } from './simulated-desk.ts';

export interface Answered {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  // oxlint-disable-next-line typescript/no-explicit-any -- tests look into answers without a schema
  readonly body: any;
}

/** Starts simulators that stop after the test. Limits are wide, and only the test moves the clock. */
export function useSimulators() {
  const running: ProviderSimulator[] = [];
  afterEach(async () => {
    await Promise.all(running.splice(0).map((simulator) => simulator.stop()));
  });
  return async (options: Partial<ProviderSimulatorOptions> = {}) => {
    const clock = createManualClock();
    const simulator = await startProviderSimulator({
      definition: simulatedDesk,
      exchanges: deskExchanges,
      records: 10,
      clock,
      seed: 'one',
      limits: { minute: 10_000, exports: 10_000 },
      ...options,
    });
    running.push(simulator);
    const send = async (path: string, headers: Readonly<Record<string, string>> = {}): Promise<Answered> => {
      const url = `${simulator.url}${path.replace(/^https?:\/\/[^/]+/, '')}`;
      const response = await fetch(url, { headers: { authorization: 'Token simulated-key', ...headers } });
      const text = await response.text();
      return { status: response.status, headers: response.headers, text, body: parsed(text) };
    };
    return { clock, simulator, send };
  };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
