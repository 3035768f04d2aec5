import type { Verdict } from '../../../lambdas/engine/verification/verdict.ts';

/** What a rejection is about, in the definition's words where the engine has none. */
export function rejectionDetail({ reason, detail }: Extract<Verdict, { kind: 'rejected' }>): string | undefined {
  // A check of a signature names the version that it expects; `cases` have no such name.
  if (reason !== 'no-known-signature-version' || detail !== undefined) return detail;
  return 'no `when` of `cases` in `verify` holds for the request';
}
