/** Wait. Tests let a manual clock pass instead. */
export type Pause = (ms: number) => Promise<void>;
