import { type ServedMajor, servedMajors } from '../../engine/schema-versions/versioned-resource.ts';
import type { PinPorts } from './pin-events.ts';

/** The readable major versions of a resource, newest first; undefined if there is no such resource. */
export async function listServedMajors(
  { resources }: PinPorts,
  resource: string,
): Promise<readonly ServedMajor[] | undefined> {
  const known = (await resources.versioned()).get(resource);
  return known === undefined ? undefined : servedMajors(resource, known);
}
