import { createBudgets } from '../../lambdas/flows/provider/budgets.ts';
import type { ProviderPorts } from '../../lambdas/flows/provider/provider-ports.ts';
import type { ApiAnswer, ApiRequest } from '../../lambdas/ports/provider/provider-api.ts';
import type { Expressions } from '../../lambdas/ports/runtime/expressions.ts';
import type { Randomness } from '../../lambdas/ports/runtime/randomness.ts';
import { createInMemoryBudgets } from './in-memory-budgets.ts';
import { createInMemoryCredentialCipher } from './in-memory-credential-cipher.ts';
import { createInMemoryCredentials, type InMemoryCredentials } from './in-memory-credentials.ts';
import type { ManualClock } from './manual-clock.ts';

/** What a provider of a test answers; a number is a status without a body. */
type Answer =
  | number
  | { readonly status?: number; readonly headers?: Readonly<Record<string, string>>; readonly body?: unknown }
  | Error;
export type Respond = (request: ApiRequest) => Answer | Promise<Answer>;

export interface FakeProvider {
  readonly ports: ProviderPorts & { readonly credentials: InMemoryCredentials };
  readonly requests: ApiRequest[];
  respond(with_: Respond): void;
}

/** A provider whose answers a test gives, and the ports that call it, with budgets and credentials in memory. */
export function createFakeProvider(
  clock: ManualClock,
  randomness: Randomness,
  expressions: Expressions,
  pause: (ms: number) => Promise<void> = async (ms) => clock.advance(ms),
  news: ProviderPorts['news'] = { send: async () => {} },
): FakeProvider {
  let respond: Respond = () => 404;
  const requests: ApiRequest[] = [];
  const credentials = createInMemoryCredentials();
  return {
    requests,
    respond(next) {
      respond = next;
    },
    ports: {
      budgets: createBudgets({ budgets: createInMemoryBudgets(), clock, pause, randomness }),
      credentials,
      cipher: createInMemoryCredentialCipher(),
      api: {
        async send(request) {
          requests.push(request);
          return toAnswer(await respond(request));
        },
      },
      expressions,
      news,
      clock,
      pause,
      randomness,
    },
  };
}

function toAnswer(answer: Answer): ApiAnswer {
  if (answer instanceof Error) return { kind: 'failed', why: 'network', error: answer.message, wasSent: true };
  if (typeof answer === 'number') return { kind: 'answered', status: answer, headers: {}, body: Buffer.alloc(0) };
  const { status = 200, headers = {}, body } = answer;
  const text = body === undefined ? '' : typeof body === 'string' ? body : JSON.stringify(body);
  return { kind: 'answered', status, headers, body: Buffer.from(text) };
}
