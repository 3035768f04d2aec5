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
  /** The list whose items hold the context; undefined if the request itself holds it. */
  readonly items: Source | undefined;
  readonly value: Template;
}

/** Where requests of a shared URL name their account, for integrations that verify with secrets of accounts. */
export interface PreparedContexts {
  /** Key of the account's context that must match. */
  readonly accountContext: string;
  readonly places: readonly ContextPlace[];
  /** Names of the secrets that the checks may read. */
  readonly secretNames: readonly string[];
}

/** Most items to read; no provider sends more. */
const maxItems = 1000;

/** @returns Undefined if the integration's own secrets verify requests, or if it has no shared URL. */
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

/** The distinct values with which an unverified request names its accounts. */
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
