import type { Definition } from '../../engine/definition/schema.ts';

/** The compiled definitions. */
export interface IntegrationCatalog {
  /** @returns Undefined where there is no such integration. */
  get(name: string): Promise<Definition | undefined>;
  /** All names, in order. */
  names(): Promise<readonly string[]>;
}
