import type { WaitingPermit } from '../../lambdas/flows/feed/enter-waiting.ts';

/** Has every call wait that wants to. */
export const alwaysEnter = async (): Promise<WaitingPermit> => ({ kind: 'entered', leave: async () => {} });
