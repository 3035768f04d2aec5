import type { OperationalType } from '../../engine/event/operational-types.ts';

/** Tells the team that runs the engine, beside the webhooks that its subscribers see. */
export interface OperatorNotices {
  send(notices: readonly { readonly type: OperationalType; readonly detail: object }[]): Promise<void>;
}
