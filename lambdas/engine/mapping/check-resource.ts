import { Ajv2020, type ErrorObject, type ValidateFunction } from 'ajv/dist/2020.js';

/** JSON Schema of one canonical resource, which the `data` of its events follows. */
export interface ResourceSchema {
  readonly $id: string;
  readonly title: string;
  readonly description: string;
  /** Semantic version, for readers of the data. */
  readonly version: string;
  /** `none` where events are facts, which no later state of a record replaces. @default record */
  readonly state?: 'record' | 'none' | undefined;
  /** Paths of members that change although the record does not. @default none */
  readonly volatile?: readonly string[] | undefined;
  readonly properties: Readonly<Record<string, unknown>>;
}

/** One place where data violates its schema, without the value, which belongs to the tenant. */
export interface DataFault {
  /** For example `items[3].amount`. */
  readonly path: string;
  readonly expected: string;
}

/** An event whose data violates the schema of its resource. */
export interface Drift extends DataFault {
  readonly resource: string;
}

/** The canonical resources, ready to check data. */
export interface PreparedResources {
  readonly schemas: ReadonlyMap<string, ResourceSchema>;
  /** The compiled schema of a resource; compiled on first use. */
  readonly validatorOf: (resource: string) => ValidateFunction | undefined;
}

/** Version of a resource without a schema. */
const unversioned = '0.0.0';

/**
 * Formats that are checked; compiling a schema with any other format fails.
 *
 * The check of e-mail addresses is loose: an address that the provider accepted is not drift.
 */
export const resourceFormats: Readonly<Record<string, (text: string) => boolean>> = {
  'date-time': (text) =>
    /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/.test(text) &&
    isDay(text.slice(0, 10)) &&
    isInstant(text),
  date: (text) => /^\d{4}-\d\d-\d\d$/.test(text) && isDay(text),
  email: (text) => /^[^\s@]+@[^\s@]+$/.test(text),
  uri: (text) => /^[a-z][a-z\d+.-]*:/i.test(text) && URL.canParse(text),
};

/**
 * Prepare schemas for {@link checkResource}.
 *
 * @param schemas - By resource.
 * @param options.everyFault - Report every fault, not only the first. Use it for small data only: a list of a million
 *   wrong items has a million faults.
 */
export function prepareResources(
  schemas: ReadonlyMap<string, ResourceSchema>,
  { everyFault = false }: { readonly everyFault?: boolean } = {},
): PreparedResources {
  const compiled = new Map<string, ValidateFunction>();
  // Synthesis has validated the schemas. Compiling one takes milliseconds.
  const ajv = new Ajv2020({
    allErrors: everyFault,
    formats: resourceFormats,
    keywords: ['version', 'state', 'volatile'],
    logger: false,
    messages: false,
    meta: false,
    validateSchema: false,
  });
  return {
    schemas,
    validatorOf(resource) {
      const known = compiled.get(resource);
      const schema = schemas.get(resource);
      if (known !== undefined || schema === undefined) return known;
      const validator = ajv.compile({ ...schema });
      compiled.set(resource, validator);
      return validator;
    },
  };
}

/** No schemas, so no data is checked. */
export const noResources: PreparedResources = prepareResources(new Map());

/** The `schema_version` of a resource's events. */
export function schemaVersionOf({ schemas }: PreparedResources, resource: string): string {
  return schemas.get(resource)?.version ?? unversioned;
}

/**
 * Compare data with the schema of its resource.
 *
 * @returns The faults; undefined if the resource has no schema.
 */
export function checkResource(
  resources: PreparedResources,
  resource: string,
  data: unknown,
): readonly DataFault[] | undefined {
  const validate = resources.validatorOf(resource);
  if (validate === undefined) return undefined;
  return validate(data) ? [] : (validate.errors ?? []).map(toFault);
}

/** The first fault of each event whose data violates its schema. */
export function driftsOf(
  resources: PreparedResources,
  events: readonly { readonly resource: string; readonly data: unknown }[],
): readonly Drift[] {
  return events.flatMap(({ resource, data }) => {
    const fault = checkResource(resources, resource, data)?.[0];
    return fault === undefined ? [] : [{ resource, ...fault }];
  });
}

function toFault({ instancePath, keyword, params }: ErrorObject): DataFault {
  const path = instancePath
    .split('/')
    .slice(1)
    .reduce((above, member) => (/^\d+$/.test(member) ? `${above}[${member}]` : inside(above, member)), '');
  switch (keyword) {
    case 'additionalProperties':
      return { path: inside(path, nameOf(params['additionalProperty'])), expected: 'no such property' };
    case 'required':
      return { path: inside(path, String(params['missingProperty'])), expected: 'a value' };
    case 'type':
      return { path, expected: [params['type']].flat().join(' or ') };
    case 'enum':
      return { path, expected: `one of ${(params['allowedValues'] as readonly unknown[]).map(String).join(', ')}` };
    case 'format':
      return { path, expected: String(params['format']) };
    default:
      return { path, expected: keyword };
  }
}

function inside(path: string, member: string): string {
  return path === '' ? member : `${path}.${member}`;
}

/** Name of an unknown property. The sender chose it, so anything but a plain name may be private data. */
function nameOf(property: unknown): string {
  return typeof property === 'string' && /^[\w.-]{1,64}$/.test(property) ? property : '*';
}

/** Whether the day exists; `Date` reads 30 February as 2 March. */
function isDay(text: string): boolean {
  const atMs = Date.parse(`${text}T00:00:00Z`);
  return !Number.isNaN(atMs) && new Date(atMs).toISOString().startsWith(text);
}

function isInstant(text: string): boolean {
  return !Number.isNaN(Date.parse(text));
}
