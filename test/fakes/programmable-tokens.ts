import type { OauthTokens, TokenOutcome } from '../../lambdas/ports/delivery/oauth-tokens.ts';

export interface ProgrammableTokens extends OauthTokens {
  /** Set the answers. */
  answerWith(answer: () => TokenOutcome): void;
  /** Tokens that the engine dropped because endpoints refused them. */
  readonly forgotten: readonly string[];
}

/** Token endpoints whose answers the test sets; by default each fetch returns a new token. */
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
