import type { Definition } from '../../engine/definition/schema.ts';

/** The compiled definitions. */
export interface IntegrationCatalog {
  /** @returns Undefined if there is no such integration. */
  get(name: string): Promise<Definition | undefined>;
  /** All names, sorted. */
  names(): Promise<readonly string[]>;
}
