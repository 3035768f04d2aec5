import { z } from 'zod';
import { limits } from '../../contracts/limits.ts';
import { type DestinationRequest, destinationSchema } from '../destination/destination-schema.ts';
import { checkEndpoint, type EndpointSettings, endpointFields } from '../endpoint-auth/endpoint-auth-schema.ts';
import { resourcePattern, typePattern } from '../feed/filter-schema.ts';
import { type ShapingOptions, shapingSchema } from '../shaping/shaping-schema.ts';
import { identifier, label, metadata, tenantName } from './shared-schema.ts';

const secondsPerDay = 86_400;
/** Events are kept no longer than this by default. */
const maxAgeSeconds = limits.retentionDays * secondsPerDay;
/** Maximum age in the default retry policy. */
const usualMaxAgeSeconds = 4 * secondsPerDay;
const usualTimeoutSeconds = limits.callbackTimeoutMs / 1000;

const names = z.array(z.string().min(1).max(128)).max(100);
const url = z.string().min(1).max(2048);
const destination = destinationSchema(url);
const types = z.array(typePattern).max(100);
const resources = z.array(resourcePattern).max(100);
const ordering = z.enum(['none', 'record', 'tenant']);
// At a lower rate, one event would wait longer than a quarter of an hour.
const ratePerSecond = z.number().min(0.001).max(10_000);
const concurrency = z.int().min(1).max(limits.maxEndpointConcurrency);
const disableAfterSeconds = z
  .int()
  .min(3600)
  .max(30 * secondsPerDay);

const signatures = z
  .array(z.enum(['v1', 'v1a']))
  .max(2)
  .refine((list) => list.includes('v1') && new Set(list).size === list.length, {
    error: 'expected ["v1"] or ["v1", "v1a"]',
  });

const retry = z
  .strictObject({
    schedule_seconds: z
      .array(
        z
          .number()
          .min(1)
          .max(7 * secondsPerDay),
      )
      .max(20)
      .optional(),
    max_age_seconds: z.int().min(1).max(maxAgeSeconds).optional(),
  })
  .superRefine(({ schedule_seconds: waits = [], max_age_seconds: ownMaxAge }, context) => {
    const sum = waits.reduce((total, wait) => total + wait, 0);
    // A caller that gives both members may intend either limit to apply first.
    if (ownMaxAge === undefined && sum > usualMaxAgeSeconds)
      context.addIssue({
        code: 'custom',
        path: ['schedule_seconds'],
        message: `the waits add up to ${sum} s, more than the default max_age_seconds (${usualMaxAgeSeconds}); give max_age_seconds as well`,
      });
  });

interface Receiver {
  readonly url?: string | undefined;
  readonly destination?: DestinationRequest | undefined;
}

/** `url` is short for a destination of type `http`. */
function toReceiver({ url, destination }: Receiver) {
  if (destination === undefined) return { url };
  return destination.type === 'http' ? { url: destination.url } : { destination };
}

function requireReceiver({ url, destination }: Receiver, context: z.core.$RefinementCtx): void {
  if (url === undefined && destination === undefined)
    context.addIssue({
      code: 'custom',
      path: ['url'],
      message: 'expected string, the URL to post to; or a destination',
    });
}

function refuseTwoReceivers({ url, destination }: Receiver, context: z.core.$RefinementCtx): void {
  if (url !== undefined && destination !== undefined)
    context.addIssue({ code: 'custom', path: ['destination'], message: 'give either url or destination' });
}

function toRetry({ schedule_seconds: waits, max_age_seconds: maxAge }: z.output<typeof retry>) {
  return {
    ...(waits === undefined ? {} : { scheduleMs: waits.map((wait) => wait * 1000) }),
    ...(maxAge === undefined ? {} : { maxAgeMs: maxAge * 1000 }),
  };
}

/**
 * Body that creates a subscription.
 *
 * @param nowMs - Time at which a client certificate must be valid.
 */
export function subscriptionBody(nowMs: number) {
  return z
    .strictObject({
      id: identifier.optional(),
      url: url.optional().describe('Short for a `destination` of type `http`. One of the two is required.'),
      destination: destination.optional(),
      tenant: tenantName.nullable().optional(),
      description: label.optional().describe('A name for people.'),
      metadata: metadata.optional(),
      types: types.default([]),
      resources: resources.default([]),
      integrations: names.default([]),
      accounts: names.default([]),
      ordering: ordering.default('none'),
      rate_per_second: ratePerSecond.optional(),
      concurrency: concurrency.optional(),
      retry: retry.optional(),
      disable_after_seconds: disableAfterSeconds.optional(),
      signatures: signatures.default(['v1']),
      ...endpointFields,
      ...shapingSchema.shape,
    })
    .superRefine(checkEndpoint(nowMs))
    .superRefine(requireReceiver)
    .superRefine(refuseTwoReceivers)
    .transform((body) => {
      const { id, tenant, url, destination, ordering, ...others } = body;
      const { description, metadata, types, resources, integrations, accounts, ...rest } = others;
      const { rate_per_second, concurrency, retry, disable_after_seconds, signatures, ...settings } = rest;
      const { auth, headers, client_certificate, timeout_seconds, ...shaping } = settings;
      const request = {
        ...toReceiver({ url, destination }),
        description,
        metadata,
        types,
        resources,
        integrations,
        accounts,
        ordering,
        endpoint: { auth, headers, client_certificate, timeout_seconds },
        shaping,
        ratePerSecond: rate_per_second,
        concurrency,
        retry: retry === undefined ? undefined : toRetry(retry),
        disableAfterMs: disable_after_seconds === undefined ? undefined : disable_after_seconds * 1000,
        isAsymmetric: signatures.includes('v1a'),
      };
      return { id, tenant, request };
    });
}

/** The same check for a patch, whose other members depend on what is stored. */
function checkCertificate(nowMs: number) {
  return (
    { client_certificate: pair }: { readonly client_certificate?: EndpointSettings['client_certificate'] | null },
    context: z.core.$RefinementCtx,
  ): void => checkEndpoint(nowMs)(pair ? { client_certificate: pair } : {}, context);
}

/** A member that may be null, which resets it to its default. */
function change<T extends z.ZodType>(schema: T) {
  return schema.nullable().optional();
}

const { shape: shapingFields } = shapingSchema;

/**
 * Body that changes a subscription. It has the members of {@link subscriptionBody} except `id` and `tenant`, and each
 * replaces the current value.
 *
 * @param nowMs - Time at which a client certificate must be valid.
 */
export function subscriptionPatch(nowMs: number) {
  return z
    .strictObject({
      url: url.optional(),
      destination: destination.optional(),
      description: change(label),
      metadata: change(metadata),
      types: types.optional(),
      resources: resources.optional(),
      integrations: names.optional(),
      accounts: names.optional(),
      ordering: ordering.optional(),
      rate_per_second: change(ratePerSecond),
      concurrency: change(concurrency),
      retry: change(retry),
      disable_after_seconds: change(disableAfterSeconds),
      signatures: signatures.optional(),
      auth: change(endpointFields.auth.unwrap()),
      headers: change(endpointFields.headers.unwrap()),
      client_certificate: change(endpointFields.client_certificate.unwrap()),
      timeout_seconds: change(endpointFields.timeout_seconds.unwrap()),
      filter: change(shapingFields.filter.unwrap()),
      fields: change(shapingFields.fields.unwrap()),
      include_previous: change(shapingFields.include_previous.unwrap()),
      encrypt: change(shapingFields.encrypt.unwrap()),
      batch: change(shapingFields.batch.unwrap()),
      transform: change(shapingFields.transform.unwrap()),
      envelope: change(shapingFields.envelope.unwrap()),
      schema_versions: change(shapingFields.schema_versions.unwrap()),
    })
    .superRefine(checkCertificate(nowMs))
    .superRefine(refuseTwoReceivers)
    .transform((body) => {
      const { url, destination, description, metadata, types, resources, integrations, accounts, ...others } = body;
      const { ordering, signatures, ...rest } = others;
      const { rate_per_second, concurrency, retry, disable_after_seconds, ...settings } = rest;
      const { auth, headers, client_certificate, timeout_seconds, ...shaping } = settings;
      return {
        ...given({ ...toReceiver({ url, destination }), types, resources, integrations, accounts, ordering }),
        ...(description === undefined ? {} : { description: description ?? undefined }),
        ...(metadata === undefined ? {} : { metadata: metadata ?? undefined }),
        ...(signatures === undefined ? {} : { isAsymmetric: signatures.includes('v1a') }),
        ...(rate_per_second === undefined ? {} : { ratePerSecond: rate_per_second ?? undefined }),
        ...(concurrency === undefined ? {} : { concurrency: concurrency ?? limits.endpointConcurrency }),
        ...(retry === undefined ? {} : { retry: retry === null ? undefined : toRetry(retry) }),
        ...(disable_after_seconds === undefined
          ? {}
          : { disableAfterMs: disable_after_seconds === null ? undefined : disable_after_seconds * 1000 }),
        endpoint: {
          ...(auth === undefined ? {} : { auth: auth ?? undefined }),
          ...(headers === undefined ? {} : { headers: headers ?? {} }),
          ...(client_certificate === undefined ? {} : { client_certificate: client_certificate ?? undefined }),
          ...(timeout_seconds === undefined ? {} : { timeout_seconds: timeout_seconds ?? usualTimeoutSeconds }),
        },
        shaping: Object.fromEntries(
          Object.entries(given(shaping)).map(([name, value]) => [name, value ?? undefined]),
        ) as ShapingOptions,
      };
    });
}

/** The members that are not undefined. */
function given<T extends object>(members: T) {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined)) as {
    [Name in keyof T]?: Exclude<T[Name], undefined>;
  };
}
