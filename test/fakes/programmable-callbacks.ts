import type { CallbackOutcome } from '../../lambdas/engine/delivery/callback-outcome.ts';
import type { CallbackClient, CallbackRequest } from '../../lambdas/ports/delivery/callback-client.ts';

type Answer = (request: CallbackRequest, earlier: number) => CallbackOutcome | Promise<CallbackOutcome>;

export interface ProgrammableCallbacks extends CallbackClient {
  /** All that was posted, in order. */
  readonly requests: readonly CallbackRequest[];
  /** Answer from now on as `answer` says. @param answer - Called with the request and how many the URL got before. */
  answerWith(answer: Answer): void;
}

/** Subscribers whose answers the test decides; until then they accept everything. */
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
