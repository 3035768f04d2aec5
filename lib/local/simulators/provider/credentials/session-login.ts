import { errorAnswer, jsonAnswer, type ProviderAnswer } from '../answers/provider-answer.ts';
import type { ChosenCall } from '../requests/choose-call.ts';
import type { OAuthOptions } from './oauth-endpoints.ts';
import { tokenBody } from './token-body.ts';

/** Answer the login of the kind `session`: a token for the right user name and password. */
export function answerLogin(
  { spec, configured, tokens, context, nowMs }: OAuthOptions,
  { match }: Pick<ChosenCall, 'match'>,
): ProviderAnswer {
  const members = configured.session ?? {};
  const isRight = Object.entries(members).every(([name, value]) => {
    const sent = match.bindings.get(`credential.${name}`);
    return sent === undefined || sent.map(String).includes(value);
  });
  if (!isRight) return errorAnswer(401, 'invalid_login', 'the user name or the password is wrong');
  const issued = tokens.grant({ owner: 'session', hasRefresh: false, expires: true }, nowMs());
  return jsonAnswer(tokenBody(spec, 'session', issued, context, nowMs()));
}
