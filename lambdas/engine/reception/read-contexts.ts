import type { Definition } from '../definition/schema.ts';
import { contextValues } from '../mapping/context-values.ts';
import {
  parseSource,
  parseTemplate,
  readSource,
  renderText,
  type Source,
  type Template,
  type TemplateInput,
} from '../template/template.ts';

interface ContextPlace {
  /** The list whose items hold it; undefined where it stands in the request itself. */
  readonly items: Source | undefined;
  readonly value: Template;
}

/** Where the requests of a URL for all accounts name theirs, for those that verify with the secrets of accounts. */
export interface PreparedContexts {
  /** Key of an account's context. */
  readonly accountContext: string;
  readonly places: readonly ContextPlace[];
  /** Names of the secrets that its checks may read. */
  readonly secretNames: readonly string[];
}

/** Items that are looked at; more are none that a provider sends. */
const maxItems = 1000;

/** @returns Undefined where the integration's own secrets verify, or where it has no such URL. */
export function prepareContexts(
  routing: Definition['routing'],
  secretNames: readonly string[],
): PreparedContexts | undefined {
  if (routing?.context === undefined) return undefined;
  const places = [routing.context].flat().map((place): ContextPlace => {
    const { items, value } = typeof place === 'string' ? { items: undefined, value: place } : place;
    const from = items === undefined ? undefined : parseSource(items);
    const parsed = parseTemplate(value);
    if (parsed.kind === 'fault') throw new TypeError(`template "${value}": ${parsed.message}`);
    return { items: from, value: parsed.template };
  });
  return { accountContext: routing.account_context, places, secretNames };
}

/** The values by which a request that is not verified yet says whose it is, each once. */
export function readContexts({ places }: PreparedContexts, input: TemplateInput): readonly string[] {
  return contextValues(places.flatMap((place) => valuesAt(place, input)));
}

function valuesAt({ items, value }: ContextPlace, input: TemplateInput): readonly (string | undefined)[] {
  if (items === undefined) return [renderText(value, input)];
  const list = readSource(items, input);
  return Array.isArray(list)
    ? (list as unknown[]).slice(0, maxItems).map((item) => renderText(value, { ...input, item }))
    : [];
}
