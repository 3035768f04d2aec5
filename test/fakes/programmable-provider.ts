import type { OutboundCall } from '../../lambdas/engine/outbound/outbound-call.ts';
import type { KeyRequest } from '../../lambdas/engine/verification/keys/key-request.ts';
import type { ProviderAnswer, ProviderClient } from '../../lambdas/ports/provider/provider-client.ts';
import type { ProviderKeys } from '../../lambdas/ports/provider/provider-keys.ts';

type Answer = Partial<ProviderAnswer> | Error;

/** A provider whose answers a test sets; it records its calls. */
export interface ProgrammableProvider extends ProviderClient {
  readonly calls: OutboundCall[];
  /** Answers the next calls; the last answer is repeated. */
  answerWith(...answers: readonly (Answer | ((call: OutboundCall) => Answer))[]): void;
}

export function createProgrammableProvider(): ProgrammableProvider {
  let answers: readonly (Answer | ((call: OutboundCall) => Answer))[] = [{}];
  const calls: OutboundCall[] = [];
  return {
    calls,
    answerWith(...next) {
      answers = next;
    },
    async call(call) {
      calls.push(call);
      const [next = {}, ...rest] = answers;
      if (rest.length > 0) answers = rest;
      const answer = typeof next === 'function' ? next(call) : next;
      if (answer instanceof Error) throw answer;
      return { status: 200, headers: {}, body: Buffer.alloc(0), ...answer };
    },
  };
}

/** Published keys that a test sets, by the kind of their request. */
export interface ProgrammableKeys extends ProviderKeys {
  readonly requests: KeyRequest[];
  /** Set the keys to find. */
  publish(...keys: readonly string[]): void;
  /** Make the provider fail, so that no key is found. */
  fail(error: Error): void;
}

export function createProgrammableKeys(): ProgrammableKeys {
  let published: readonly string[] | Error = [];
  const requests: KeyRequest[] = [];
  return {
    requests,
    publish(...keys) {
      published = keys;
    },
    fail(error) {
      published = error;
    },
    async find(request) {
      requests.push(request);
      if (published instanceof Error) throw published;
      return { kind: 'found', keys: published };
    },
  };
}
