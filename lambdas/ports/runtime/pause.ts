/** Wait. Tests advance a manual clock instead. */
export type Pause = (ms: number) => Promise<void>;
