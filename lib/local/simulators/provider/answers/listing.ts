import type {
  ChangesCallSpec,
  DeletionsCallSpec,
  ListCallSpec,
} from '../../../../../lambdas/engine/provider/language/call-schema.ts';
import type { ChosenCall } from '../requests/choose-call.ts';
import type { ProviderRequest } from '../requests/provider-request.ts';
import type { AnswerWorld } from './answer-world.ts';
import type { AskedPage } from './page-position.ts';
import type { DeltaRange } from './page-tokens.ts';

export type ListingSpec = ListCallSpec | ChangesCallSpec | DeletionsCallSpec;

/** A request for a page of a listing. */
export interface Listing {
  readonly world: AnswerWorld;
  readonly chosen: ChosenCall;
  readonly request: ProviderRequest;
  readonly spec: ListingSpec;
  readonly asked: AskedPage;
  /** Of the call and its filters; the same for all pages. */
  readonly key: string;
  /** For a listing that goes on from delta tokens. */
  readonly delta: DeltaRange | undefined;
}
