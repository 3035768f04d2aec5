/** What an emulator process says to the engine. */
export type EmulatorMessage =
  | { readonly kind: 'listening'; readonly port: number }
  | { readonly kind: 'clock-set'; readonly request: number };

/** What the engine says to an emulator process. */
export interface SetClock {
  readonly kind: 'set-clock';
  readonly request: number;
  readonly offsetMs: number;
}
