import { z } from 'zod';
import { parseTemplate } from '../template/template.ts';
import { template } from '../template/template-schema.ts';

/**
 * A host, or the hosts of a service in every region. There is no wildcard: `sns.*.amazonaws.com` would also match the
 * bucket of any customer who calls it "sns" (sns.s3.amazonaws.com).
 */
const hostPattern = z
  .string()
  .regex(
    /^(?=.{4,253}$)(([a-z0-9-]+|\{region\})\.)+[a-z]{2,}$/,
    'expected a host such as api.example.com, or sns.{region}.amazonaws.com where {region} matches an AWS region; a wildcard would also match hosts that others own',
  )
  .refine(
    (host) => !/\{region\}\.[^.]+$/.test(host),
    'expected a registered domain: its last two labels must be literal',
  );

export const urlFields = {
  url: template.describe(
    'An https URL. With a literal host, inserted values are percent-encoded. If the request gives the whole URL, or a secret is part of the host, `hosts` lists the allowed hosts.',
  ),
  hosts: z.array(hostPattern).min(1).optional().describe('Allowed hosts, for a URL without a literal host.'),
};

/** Report a URL that could reach any host: it would open the deployment's network to strangers. */
export function confine(
  spec: { readonly url: string; readonly hosts?: readonly string[] | undefined },
  context: z.RefinementCtx,
) {
  const isLiteral = /^https:\/\/[a-z0-9.-]+(:\d+)?(\/|$)/i.test(spec.url);
  if (isLiteral === (spec.hosts !== undefined))
    context.addIssue({
      code: 'custom',
      path: isLiteral ? ['hosts'] : ['url'],
      message: isLiteral
        ? 'got `hosts` and a URL with a literal host, expected one of the two'
        : `got "${spec.url}", expected a URL with a literal host (https://api.example.com/…), or \`hosts\` as well`,
    });
}

export const httpHeaders = z.record(z.string().regex(/^[A-Za-z][A-Za-z0-9-]*$/), template);

/** An outbound call. Its parts are templates over the request. */
export const outboundCall = {
  method: z.enum(['GET', 'POST', 'PUT']).default('GET'),
  ...urlFields,
  headers: httpHeaders.default({}),
  json: z.record(z.string(), template).optional().describe('A JSON body: a template for each member.'),
};

/** Whether a template reads a part of the request, which a stranger controls. Secrets do not count. */
export function readsRequest(text: string): boolean {
  return requestSources(text).length > 0;
}

/** The parts of the request that a template reads, as they are written. */
export function requestSources(text: string): readonly string[] {
  const parsed = parseTemplate(text);
  if (parsed.kind === 'fault') return [];
  return parsed.template.parts.flatMap((part) =>
    'source' in part && part.source.from !== 'secret' ? [part.text] : [],
  );
}

export const confirmation = z
  .strictObject(outboundCall)
  .superRefine(confine)
  .describe('A call that completes the handshake. It runs from a queue, so it is retried until it succeeds.');

export type OutboundCallSpec = z.infer<typeof confirmation>;
