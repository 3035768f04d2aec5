import { EngineError } from '../../contracts/engine-error.ts';
import { dueAtMs, type EndpointPolicy, type EndpointState } from '../../engine/delivery/endpoint-state.ts';
import type { EndpointStore } from '../../ports/delivery/endpoint-store.ts';
import type { Pause } from '../../ports/runtime/pause.ts';
import type { Randomness } from '../../ports/runtime/randomness.ts';

export interface EndpointPorts {
  readonly endpoints: EndpointStore;
  readonly pause: Pause;
  readonly randomness: Randomness;
  readonly endpointPolicy: EndpointPolicy;
}

/** What becomes of a state, and what the caller wants to know of it. Without a state nothing is written. */
export interface EndpointChange<R> {
  readonly state?: EndpointState;
  /** Whether it is so only if nothing was put into the backlog since. @default false */
  readonly isUnwoken?: boolean;
  readonly result: R;
}

/** Writers of one endpoint at a time are few: a run that finds it busy leaves it to its drain. */
const maxAttempts = 60;
const maxPauseMs = 40;

/**
 * Change what is known of an endpoint, on top of what others changed.
 *
 * @param known - The state as it was read last; it is read again only when another caller has written.
 * @param change - Called again with the newer state then; it must have no effect of its own.
 */
export async function changeEndpoint<R>(
  ports: EndpointPorts,
  known: EndpointState,
  change: (state: EndpointState) => EndpointChange<R>,
): Promise<{ readonly state: EndpointState; readonly result: R }> {
  let current = known;
  for (let attempt = 0; attempt < maxAttempts; attempt += 1) {
    const { state, result, isUnwoken } = change(current);
    if (state === undefined) return { state: current, result };
    if (await ports.endpoints.replace(state, dueAtMs(state, ports.endpointPolicy), isUnwoken))
      return { state: { ...state, revision: state.revision + 1 }, result };
    await ports.pause(Math.ceil(ports.randomness.fraction() * maxPauseMs));
    const [stored] = await ports.endpoints.getMany([{ endpoint: known.endpoint, scope: known.scope }]);
    current = stored ?? known;
  }
  throw new EngineError('contended', `the endpoint ${known.endpoint} is being changed`, { retryable: true });
}
