import type { AccessRules } from '../iam/access-guard.ts';

/** Messages of an emulator process to the engine. */
export type EmulatorMessage =
  | { readonly kind: 'listening'; readonly port: number }
  /** The emulator has carried out an order. */
  | { readonly kind: 'done'; readonly order: number };

/** Messages of the engine to an emulator process. */
export type EmulatorOrder = { readonly order: number } & (
  | { readonly kind: 'set-clock'; readonly offsetMs: number }
  | { readonly kind: 'enforce'; readonly rules: AccessRules }
);
