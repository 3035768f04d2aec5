/** A fault of what a definition means, although its shape is right. */
export interface MeaningFault {
  readonly path: readonly PropertyKey[];
  readonly message: string;
  /** Whether the key is wrong, not its value. */
  readonly atKey?: boolean;
}
