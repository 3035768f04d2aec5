import type { EgressPolicy } from '../../lambdas/ports/callback-client.ts';

export interface ProgrammableEgress extends EgressPolicy {
  /** Refuse from now on what the test says. */
  refuseWith(refusal: (url: string) => string | undefined): void;
}

/** Lets everything out until the test says otherwise. */
export function createProgrammableEgress(): ProgrammableEgress {
  let refusal: (url: string) => string | undefined = () => undefined;
  return {
    refuseWith(next) {
      refusal = next;
    },
    refusalOf: async (url) => refusal(url),
  };
}
