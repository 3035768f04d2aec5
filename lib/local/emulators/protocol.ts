import type { AccessRules } from '../iam/access-guard.ts';

/** What an emulator process says to the engine. */
export type EmulatorMessage =
  | { readonly kind: 'listening'; readonly port: number }
  /** An order is carried out. */
  | { readonly kind: 'done'; readonly order: number };

/** What the engine says to an emulator process. */
export type EmulatorOrder = { readonly order: number } & (
  | { readonly kind: 'set-clock'; readonly offsetMs: number }
  | { readonly kind: 'enforce'; readonly rules: AccessRules }
);
