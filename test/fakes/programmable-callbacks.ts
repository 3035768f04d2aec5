import type { CallbackOutcome } from '../../lambdas/engine/delivery/callback-outcome.ts';
import type { CallbackClient, CallbackRequest } from '../../lambdas/ports/delivery/callback-client.ts';

type Answer = (request: CallbackRequest, earlier: number) => CallbackOutcome | Promise<CallbackOutcome>;

export interface ProgrammableCallbacks extends CallbackClient {
  /** All posted requests, in order. */
  readonly requests: readonly CallbackRequest[];
  /** Set the answers. @param answer - Called with the request and the number of earlier requests to its URL. */
  answerWith(answer: Answer): void;
}

/** Receivers whose answers the test sets; by default they accept everything. */
export function createProgrammableCallbacks(): ProgrammableCallbacks {
  const requests: CallbackRequest[] = [];
  let answer: Answer = () => answered(204);
  return {
    requests,
    answerWith(next) {
      answer = next;
    },
    async post(request) {
      const earlier = requests.filter(({ url }) => url === request.url).length;
      requests.push(request);
      return answer(request, earlier);
    },
  };
}

export function answered(status: number, retryAfter?: string): CallbackOutcome {
  return { kind: 'answered', status, retryAfter, response: `answer ${status}`, durationMs: 7 };
}
