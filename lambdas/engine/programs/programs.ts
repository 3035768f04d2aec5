import type { CanonicalEvent } from '../event/canonical-event.ts';
import { judgeEvent, type Transformed, transformEvent, type Verdict } from '../expression/run-expression.ts';
import type { CarriedRecordPlans } from '../mapping/carried-record.ts';
import { noResources } from '../mapping/check-resource.ts';
import { lookupContexts } from '../mapping/lookup-context.ts';
import { type MappingInput, type MappingResult, mapRequest, prepareMapping } from '../mapping/map-request.ts';
import { type NamedMappingContext } from '../mapping/mapping-context.ts';
import { type ReadAnswer, type ReadAnswerArgument, readAnswer } from '../provider/answer/read-answer.ts';
import { type DiscoverArgument, type Discovered, discover } from '../provider/credentials/discover.ts';
import { type ReadToken, type ReadTokenArgument, readToken } from '../provider/credentials/read-token.ts';
import { type MappedDown, mapDown } from '../schema-versions/map-down.ts';

/**
 * Programs that evaluate JSONata which strangers wrote, or which runs over data from strangers. Arguments and results are
 * JSON, because they cross to a child process and back (`ports/expressions.ts`).
 */
export interface Programs {
  /** A subscription's filter. */
  readonly judge: (argument: { readonly filter: string; readonly event: CanonicalEvent }) => Promise<Verdict>;
  /** A subscription's transform, over the reduced event. */
  readonly transform: (argument: {
    readonly transform: string;
    readonly event: CanonicalEvent;
  }) => Promise<Transformed>;
  /** Converts a record's data to the previous major version of its schema. */
  readonly mapDown: (argument: { readonly down: string; readonly data: CanonicalEvent['data'] }) => Promise<MappedDown>;
  /** The values by which a request names its account; null if the expression failed. */
  readonly lookUp: (argument: {
    readonly expression: string;
    readonly input: MappingInput;
  }) => Promise<readonly string[] | null>;
  /** An integration's mapping over one request. Its events carry no schema version yet. */
  readonly map: (argument: {
    readonly mapping: string;
    readonly input: MappingInput;
    readonly context: NamedMappingContext;
    readonly records?: CarriedRecordPlans;
  }) => Promise<MappingResult>;
  /** An answer of a provider: what it means, and its records. */
  readonly readAnswer: (argument: ReadAnswerArgument) => Promise<ReadAnswer>;
  /** What a consent gives access to. */
  readonly discover: (argument: DiscoverArgument) => Promise<readonly Discovered[]>;
  /** An answer of a token endpoint. */
  readonly readToken: (argument: ReadTokenArgument) => Promise<ReadToken>;
}

export type ProgramName = keyof Programs;
export type ArgumentOf<Name extends ProgramName> = Parameters<Programs[Name]>[0];
export type ResultOf<Name extends ProgramName> = Awaited<ReturnType<Programs[Name]>>;

/** @param timeoutMs - Wall-clock time of one evaluation. @default 2 s */
export function createPrograms(timeoutMs?: number): Programs {
  return {
    judge: ({ filter, event }) => judgeEvent(filter, event, timeoutMs),
    transform: ({ transform, event }) => transformEvent(transform, event, timeoutMs),
    mapDown: ({ down, data }) => mapDown(down, data, timeoutMs),
    lookUp: async ({ expression, input }) => (await lookupContexts(expression, input, timeoutMs)) ?? null,
    map: ({ mapping, input, context, records }) =>
      mapRequest(prepareMapping(mapping, noResources, timeoutMs, records), input, context),
    readAnswer: (argument) => readAnswer(argument, timeoutMs),
    discover: (argument) => discover(argument, timeoutMs),
    readToken: (argument) => readToken(argument, timeoutMs),
  };
}
