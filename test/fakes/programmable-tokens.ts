import type { OauthTokens, TokenOutcome } from '../../lambdas/ports/delivery/oauth-tokens.ts';

export interface ProgrammableTokens extends OauthTokens {
  /** Answer from now on as told. */
  answerWith(answer: () => TokenOutcome): void;
  /** Tokens that endpoints refused. */
  readonly forgotten: readonly string[];
}

/** Token endpoints whose answers the test decides; until then each fetch gives a new token. */
export function createProgrammableTokens(): ProgrammableTokens {
  let fetched = 0;
  let answer = (): TokenOutcome => ({ kind: 'token', token: `token-${(fetched += 1)}` });
  const forgotten: string[] = [];
  return {
    forgotten,
    answerWith(next) {
      answer = next;
    },
    async tokenFor() {
      return answer();
    },
    forget(_, token) {
      forgotten.push(token);
    },
  };
}
