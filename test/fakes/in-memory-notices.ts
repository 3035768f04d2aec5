import type { OperatorNotices } from '../../lambdas/ports/delivery/notices.ts';

type Notice = Parameters<OperatorNotices['send']>[0][number];

export interface InMemoryNotices extends OperatorNotices {
  /** All sent notices, in order. */
  readonly sent: readonly Notice[];
}

export function createInMemoryNotices(): InMemoryNotices {
  const sent: Notice[] = [];
  return {
    sent,
    async send(notices) {
      sent.push(...structuredClone(notices));
    },
  };
}
