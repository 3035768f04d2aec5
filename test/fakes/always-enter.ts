import type { WaitingPermit } from '../../lambdas/flows/feed/enter-waiting.ts';

/** Lets every call wait. */
export const alwaysEnter = async (): Promise<WaitingPermit> => ({ kind: 'entered', leave: async () => {} });
