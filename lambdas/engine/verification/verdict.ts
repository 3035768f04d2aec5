import type { RejectionReason } from '../request/rejection-reason.ts';
import type { KeyRequest } from './keys/key-request.ts';

export type Verdict =
  | { readonly kind: 'verified' }
  | { readonly kind: 'rejected'; readonly reason: RejectionReason; readonly detail?: string }
  /** Undecided: fetch the provider's key, then run the checks again. */
  | {
      readonly kind: 'key-needed';
      readonly request: KeyRequest;
      /** Name of the account's secret that may hold the key; if the account has it, no key is fetched. */
      readonly pinned: string;
    };
