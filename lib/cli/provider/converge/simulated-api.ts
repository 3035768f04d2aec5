import type { ApiAnswer, ProviderApi } from '../../../../lambdas/ports/provider/provider-api.ts';
import { textOfAnswer } from '../../../local/simulators/provider/answers/provider-answer.ts';
import type { OfflineProvider } from '../../../local/simulators/provider/provider-simulator.ts';

/** Calls a provider of this process. */
export function createSimulatedApi(provider: Pick<OfflineProvider, 'serve'>): ProviderApi {
  return {
    async send({ method, url, headers, body }): Promise<ApiAnswer> {
      const { answer } = await provider.serve({ method, url, headers, text: body ?? '' });
      if (answer === 'dropped' || answer === undefined)
        return { kind: 'failed', why: 'network', error: 'no answer', wasSent: true };
      return {
        kind: 'answered',
        status: answer.status,
        headers: answer.headers,
        body: Buffer.from(textOfAnswer(answer)),
      };
    },
  };
}
