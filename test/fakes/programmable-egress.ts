import type { EgressPolicy } from '../../lambdas/ports/delivery/callback-client.ts';

export interface ProgrammableEgress extends EgressPolicy {
  /** Refuse from now on what the test says. */
  refuseWith(refusal: (url: string) => string | undefined): void;
}

/** Lets everything out until the test says otherwise. */
export function createProgrammableEgress(): ProgrammableEgress {
  // What is no URL is refused by every policy.
  let refusal: (url: string) => string | undefined = (url) => (URL.canParse(url) ? undefined : 'it is no absolute URL');
  return {
    refuseWith(next) {
      refusal = next;
    },
    refusalOf: async (url) => refusal(url),
  };
}
