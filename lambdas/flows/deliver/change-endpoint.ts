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

/** The new state, and a result for the caller. Without a state nothing is written. */
export interface EndpointChange<R> {
  readonly state?: EndpointState;
  /** Whether to write only if nothing was added to the backlog since the read. @default false */
  readonly isUnwoken?: boolean;
  readonly result: R;
}

/** An endpoint has few concurrent writers: a run that finds it busy leaves it to its drain. */
const maxAttempts = 60;
/** Before the first retry, and at most; each pause is drawn below its bound, which doubles. */
const firstPauseMs = 4;
const maxPauseMs = 40;

/**
 * Change the state of an endpoint by optimistic locking: a conflict applies the change to the newer state.
 *
 * @param known - The state as last read; read again only after another caller has written.
 * @param change - Called again with the newer state after a conflict, so it must have no side effects.
 * @throws {contended} retryable, when the endpoint stayed busy through all attempts.
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
    const bound = Math.min(maxPauseMs, firstPauseMs * 2 ** attempt);
    await ports.pause(Math.ceil(ports.randomness.fraction() * bound));
    const [stored] = await ports.endpoints.getMany([{ endpoint: known.endpoint, scope: known.scope }]);
    current = stored ?? known;
  }
  throw new EngineError('contended', `the endpoint ${known.endpoint} is being changed`, { retryable: true });
}
