import type { Subscription } from './subscription-draft.ts';

/** What each tab gets. */
export interface TabProps {
  readonly subscription: Subscription;
  /** Called when the subscription no longer exists. */
  readonly onDeleted: () => void;
}
