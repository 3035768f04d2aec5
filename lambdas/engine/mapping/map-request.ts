import type jsonata from 'jsonata';
import type { UnsequencedEvent } from '../event/canonical-event.ts';
import { compileJsonata } from '../expression/compile-jsonata.ts';
import { ExpressionFault } from '../provider/answer/evaluate.ts';
import { type CarriedRecordPlans, type FilledItem, fillFromRecord } from './carried-record.ts';
import { noResources, type PreparedResources } from './check-resource.ts';
import { asksForPoll, faultsOf, mappedPoll } from './mapped-event.ts';
import { deliveryNameOf, type MappedChange, type MappingContext, type NamedMappingContext } from './mapping-context.ts';
import { readMappedEvent } from './read-mapped-event.ts';

/** JSONata's error codes for a mapping that exceeds a bound. */
const timeoutCode = 'D1012';
const bounds: Readonly<Record<string, string>> = { D1011: 'stack overflow', [timeoutCode]: 'timeout' };
const raisedByAuthor = 'D3137';

/** A compiled mapping, reusable over requests. */
export interface PreparedMapping {
  readonly expression: jsonata.Expression;
  /** The resources that it may map to. */
  readonly resources: PreparedResources;
  /** How records that requests carry are read. */
  readonly records: CarriedRecordPlans;
  readonly timeoutMs: number | undefined;
}

/** Input of a mapping: `body`, `headers` (lower-case names), `query`, `method`, `path`. */
export interface MappingInput {
  readonly body: unknown;
  readonly headers: Readonly<Record<string, string>>;
  readonly query: Readonly<Record<string, string>>;
  readonly method: string;
  readonly path: string;
}

/** A request to run the syncs of a resource at once. */
export interface MappedPoll {
  /** `*` for all syncs of the account. */
  readonly poll: string;
  /** The context whose accounts are meant. @default that of the request */
  readonly context?: string | undefined;
}

export type MappingResult =
  /** Without events, the mapping returned nothing and the request is ignored. */
  | {
      readonly kind: 'mapped';
      readonly events: readonly UnsequencedEvent[];
      /** The context that each event names; undefined for an event that names none. */
      readonly contexts: readonly (string | undefined)[];
      /** What each event says of its record. */
      readonly changes: readonly MappedChange[];
      /** What is polled at once. */
      readonly polls: readonly MappedPoll[];
    }
  /** `retryable` after a timeout: the next run may be faster. */
  | { readonly kind: 'failed'; readonly reason: string; readonly retryable: boolean };

/** Compiled mappings by text, least recently used first. They keep no data of the requests they mapped. */
const compiled = new Map<string, jsonata.Expression>();
const maxCompiled = 500;

/**
 * Compile a mapping, once for each text. Its events carry the schema versions of their resources.
 *
 * @param timeoutMs - Wall-clock time. @default 2 s
 */
export function prepareMapping(
  text: string,
  resources: PreparedResources = noResources,
  timeoutMs?: number,
  records: CarriedRecordPlans = {},
): PreparedMapping {
  const key = `${timeoutMs ?? ''} ${text}`;
  const expression = compiled.get(key) ?? compileJsonata(text, timeoutMs);
  compiled.delete(key);
  compiled.set(key, expression);
  const [oldest] = compiled.keys();
  if (compiled.size > maxCompiled && oldest !== undefined) compiled.delete(oldest);
  return { expression, resources, records, timeoutMs };
}

/** Run a mapping over one request: no event, one, or many. The reason of a failure says where its author must look. */
export async function mapRequest(
  mapping: PreparedMapping,
  input: MappingInput,
  context: MappingContext | NamedMappingContext,
): Promise<MappingResult> {
  let result: unknown;
  try {
    result = await mapping.expression.evaluate(input);
  } catch (error) {
    const retryable = (error as Partial<jsonata.JsonataError>).code === timeoutCode;
    return { kind: 'failed', reason: `mapping failed: ${describeFailure(error)}`, retryable };
  }
  const items: readonly unknown[] =
    result === undefined || result === null ? [] : Array.isArray(result) ? result : [result];
  const { tenant, account, integration, receivedAt, accountContext = {} } = context;
  const named: NamedMappingContext =
    'rawBody' in context ? { tenant, account, integration, receivedAt, ...deliveryNameOf(context) } : context;
  const events: UnsequencedEvent[] = [];
  const contexts: (string | undefined)[] = [];
  const changes: MappedChange[] = [];
  const polls: MappedPoll[] = [];
  for (const [index, item] of items.entries()) {
    if (asksForPoll(item)) {
      const poll = mappedPoll.safeParse(item);
      if (!poll.success) return badItem(index, faultsOf(poll.error));
      polls.push(poll.data);
      continue;
    }
    const filled = await fill(mapping, item, accountContext);
    const read =
      filled.kind === 'fault'
        ? filled
        : readMappedEvent(filled.item, { index, context: named, resources: mapping.resources });
    if (read.kind === 'fault') return badItem(index, read.fault);
    events.push(read.event);
    contexts.push(read.context);
    changes.push(filled.kind === 'item' && filled.isAbsent ? { ...read.change, isAbsence: true } : read.change);
  }
  return { kind: 'mapped', events, contexts, changes, polls };
}

function badItem(index: number, fault: string): MappingResult {
  return { kind: 'failed', reason: `mapping gave a bad event (${index}): ${fault}`, retryable: false };
}

async function fill(
  { records, timeoutMs }: PreparedMapping,
  item: unknown,
  context: Readonly<Record<string, unknown>>,
): Promise<FilledItem> {
  try {
    return await fillFromRecord(item, records, context, timeoutMs);
  } catch (error) {
    return {
      kind: 'fault',
      fault: `record: ${error instanceof ExpressionFault ? error.message : 'the expression threw'}`,
    };
  }
}

/** Where and how an expression failed. JSONata's own messages quote values, which belong to the tenant. */
function describeFailure(error: unknown): string {
  const { code, position, token, message } = error as Partial<jsonata.JsonataError>;
  if (typeof code !== 'string') return 'the expression threw';
  // The mapping's author wrote this message and passed it to $error.
  if (code === raisedByAuthor) return message ?? code;
  const meaning = bounds[code] === undefined ? '' : ` (${bounds[code]})`;
  return `JSONata ${code}${meaning}${token === undefined ? '' : ` in "${token}"`} at character ${position ?? 0}`;
}
