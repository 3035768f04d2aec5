import type { ServerResponse } from 'node:http';
import { type Answering, answerJson, type ProviderStandIn, type StandInRequest } from '../e2e/provider-stand-in.ts';

/** Providers whose calls the engine sends to the stand-in. */
export const standInOrigins = [
  'https://api.legacy-crm.example',
  'https://acme.zendesk.com',
  'https://api.hubapi.com',
  'https://acme.pipedrive.com',
  'https://graph.microsoft.com',
];

/** The resources that paths read, by integration. */
export const readResources: Readonly<Record<string, readonly string[]>> = {
  'legacy-crm': ['crm/contacts', 'crm/companies'],
  zendesk: ['ticketing/tickets'],
  hubspot: ['crm/contacts'],
  pipedrive: ['crm/contacts'],
  msgraph: ['identity/users'],
};

/** What a provider allows to an account. */
export interface ProviderLimit {
  readonly calls: number;
  readonly perMs: number;
  readonly atOnce: number;
}

/** The provider of one run. Its answers never fail by the injector: it knows which calls reached it. */
export interface TestProvider {
  answerWith(answer: Answering): void;
  /** Hold answers back until the returned function is called. */
  hold(): () => void;
  /** Whether a call waits for its answer. */
  isHolding(): boolean;
  /** How many calls wait for their answers. */
  held(): number;
  /** From now on the provider must see no more calls than this. */
  holdTo(limit: ProviderLimit): void;
  /** Invariant 7: the ways in which calls exceeded the limit. */
  excesses(): readonly string[];
}

/**
 * Serve a run at the stand-in. Its credentials contain the run's name, so that a late call of an earlier run is none of
 * this one.
 *
 * @param name - Occurs in the headers, the query or the body of each of the run's calls.
 * @param nowMs - The engine's clock.
 */
export function createTestProvider(standIn: ProviderStandIn, name: string, nowMs: () => number): TestProvider {
  const times: number[] = [];
  let answer: Answering = (_, response) => void response.writeHead(404).end();
  let limit: ProviderLimit | undefined;
  let held: (() => void)[] | undefined;
  let open = 0;
  let mostAtOnce = 0;
  standIn.requests.length = 0;
  standIn.answer((request, response) => {
    if (!textOf(request).includes(name)) return answerJson(response, { error: 'another run' }, 503);
    open += 1;
    response.once('close', () => {
      open -= 1;
    });
    if (limit !== undefined) times.push(nowMs());
    if (limit !== undefined) mostAtOnce = Math.max(mostAtOnce, open);
    // The provider's clock is the engine's, which is ahead of this machine's.
    response.setHeader('date', new Date(nowMs()).toUTCString());
    // A held answer is of the time of its request.
    if (held !== undefined) holdBack(response, held);
    return answer(request, response);
  });
  return {
    answerWith(next) {
      answer = next;
    },
    hold() {
      held = [];
      return () => {
        const waiting = held ?? [];
        held = undefined;
        for (const send of waiting) send();
      };
    },
    isHolding: () => (held ?? []).length > 0,
    held: () => held?.length ?? 0,
    holdTo(next) {
      limit = next;
    },
    excesses() {
      if (limit === undefined) return [];
      const { calls, perMs, atOnce } = limit;
      const most = Math.max(
        0,
        ...times.map((from) => times.filter((time) => time >= from && time < from + perMs).length),
      );
      return [
        ...(most > calls ? [`7: ${most} calls within ${perMs / 1000} s, of ${calls}`] : []),
        ...(mostAtOnce > atOnce ? [`7: ${mostAtOnce} calls at once, of ${atOnce}`] : []),
      ];
    },
  };
}

function holdBack(response: ServerResponse, held: (() => void)[]): void {
  const end = response.end.bind(response) as (body?: unknown) => ServerResponse;
  response.end = (body?: unknown) => {
    held.push(() => end(body));
    return response;
  };
}

function textOf({ headers, query, body }: StandInRequest): string {
  return `${JSON.stringify(headers)} ${query.toString()} ${body}`;
}
