import type { EgressPolicy } from '../../lambdas/ports/delivery/callback-client.ts';

export interface ProgrammableEgress extends EgressPolicy {
  /** Set the refusals. */
  refuseWith(refusal: (url: string) => string | undefined): void;
}

/** An egress policy that allows every URL until the test sets refusals. */
export function createProgrammableEgress(): ProgrammableEgress {
  // Every policy refuses an invalid URL.
  let refusal: (url: string) => string | undefined = (url) =>
    URL.canParse(url) ? undefined : 'it is not an absolute URL';
  return {
    refuseWith(next) {
      refusal = next;
    },
    refusalOf: async (url) => refusal(url),
  };
}
