import type { OperationalType } from '../../engine/event/operational-types.ts';

/** Notifies the team that runs the engine, in addition to the webhooks that subscribers get. */
export interface OperatorNotices {
  send(notices: readonly { readonly type: OperationalType; readonly detail: object }[]): Promise<void>;
}
