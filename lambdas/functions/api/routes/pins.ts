import type { SchemaPins } from '../../../engine/schema-versions/schema-pins-schema.ts';
import { pinFeedPage, pinHeaders } from '../../../flows/feed/pin-events.ts';
import type { FeedPage } from '../../../flows/feed/read-feed.ts';
import { refuseFeedPins } from '../../../flows/feed/refuse-pins.ts';
import { ProblemError } from '../../invocation/answer-problems.ts';
import type { ApiPorts } from '../api-ports.ts';

/** @throws {ProblemError} 400 for schema versions that the engine does not serve. */
export async function mustBeServed(ports: ApiPorts, pins: SchemaPins | undefined): Promise<void> {
  const faults = pins === undefined ? [] : await refuseFeedPins(ports, pins);
  if (faults.length === 0) return;
  const errors = faults.map(({ resource, reason }) => ({ path: `schema.${resource}`, message: reason }));
  throw new ProblemError({ status: 400, detail: 'A version is not served.', extensions: { errors } });
}

/** A page in the schema versions that its reader pinned, with headers that report deprecated ones. */
export async function inVersions(ports: ApiPorts, pins: SchemaPins | undefined, whole: FeedPage) {
  const pinned = await pinFeedPage(ports, pins, whole);
  if (pinned.kind === 'failed')
    throw new ProblemError({
      status: 500,
      detail: `The event ${pinned.event} cannot be converted to this version: ${pinned.reason}.`,
      extensions: { reason: 'event-not-mappable', event_id: pinned.event },
    });
  return { page: pinned.page, headers: await pinHeaders(ports, pins) };
}
