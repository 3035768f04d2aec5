import { Ajv2020, type ErrorObject, type ValidateFunction } from 'ajv/dist/2020.js';

/** The JSON Schema of one canonical resource: what the `data` of its events looks like. */
export interface ResourceSchema {
  readonly $id: string;
  readonly title: string;
  readonly description: string;
  /** Semantic version, for readers of the data. */
  readonly version: string;
  readonly properties: Readonly<Record<string, unknown>>;
}

/** One place where data does not fit its schema. It never holds the value, which belongs to the tenant. */
export interface DataFault {
  /** For example `items[3].amount`. */
  readonly path: string;
  readonly expected: string;
}

/** An event whose data does not fit the schema of its resource. */
export interface Drift extends DataFault {
  readonly resource: string;
}

/** The canonical resources, ready to check data with. */
export interface PreparedResources {
  readonly schemas: ReadonlyMap<string, ResourceSchema>;
  /** The compiled schema of a resource, made when it is first asked for. */
  readonly validatorOf: (resource: string) => ValidateFunction | undefined;
}

/** The version of what has no schema. */
const unversioned = '0.0.0';

/**
 * The formats that are checked; every other is refused when a schema is compiled.
 *
 * An e-mail address is looked at loosely: what a provider's form took for one is not drift.
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
 * Prepare schemas that {@link checkResource} takes data to.
 *
 * @param schemas - By resource.
 * @param options.everyFault - Tell every fault of some data, not the first alone. Only for data of which
 *   there is little: a list of a million wrong items has a million faults.
 */
export function prepareResources(
  schemas: ReadonlyMap<string, ResourceSchema>,
  { everyFault = false }: { readonly everyFault?: boolean } = {},
): PreparedResources {
  const compiled = new Map<string, ValidateFunction>();
  // Synthesis has validated the schemas; here they are compiled, which takes milliseconds each.
  const ajv = new Ajv2020({
    allErrors: everyFault,
    formats: resourceFormats,
    keywords: ['version'],
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

/** No resource has a schema: none is checked. */
export const noResources: PreparedResources = prepareResources(new Map());

/** What events of a resource say as their `schema_version`. */
export function schemaVersionOf({ schemas }: PreparedResources, resource: string): string {
  return schemas.get(resource)?.version ?? unversioned;
}

/**
 * Compare data with the schema of its resource.
 *
 * @returns The faults; undefined where the resource has no schema.
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

/** The first fault of each event whose data does not fit. */
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

/** A property that no schema knows was named by who sent it: what is no plain name may be a value. */
function nameOf(property: unknown): string {
  return typeof property === 'string' && /^[\w.-]{1,64}$/.test(property) ? property : '*';
}

/** Whether the day exists: Date takes 30 February for 2 March. */
function isDay(text: string): boolean {
  const atMs = Date.parse(`${text}T00:00:00Z`);
  return !Number.isNaN(atMs) && new Date(atMs).toISOString().startsWith(text);
}

function isInstant(text: string): boolean {
  return !Number.isNaN(Date.parse(text));
}
