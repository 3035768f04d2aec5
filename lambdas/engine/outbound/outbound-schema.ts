import { z } from 'zod';
import { parseTemplate } from '../template/template.ts';
import { template } from '../template/template-schema.ts';

/**
 * A host, or the hosts of a service by region. There is no wildcard: `sns.*.amazonaws.com` is also the bucket of
 * anybody who calls it "sns" (sns.s3.amazonaws.com).
 */
const hostPattern = z
  .string()
  .regex(
    /^(?=.{4,253}$)(([a-z0-9-]+|\{region\})\.)+[a-z]{2,}$/,
    'expected a host such as api.example.com, or sns.{region}.amazonaws.com where {region} stands for an AWS region; a wildcard would let in hosts that others own',
  )
  .refine(
    (host) => !/\{region\}\.[^.]+$/.test(host),
    'expected a registered domain: its last two labels must be literal',
  );

export const urlFields = {
  url: template.describe(
    'An https URL. Where it begins with a literal host, what is put into it is percent-encoded; where the request gives all of it, or a secret a part of the host, `hosts` says which hosts may be called.',
  ),
  hosts: z.array(hostPattern).min(1).optional().describe('Hosts that may be called where the host is not written out.'),
};

/** A URL that is not confined is a way into the deployment's network. */
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
        ? 'got `hosts` beside a URL whose host is written out, expected one of the two'
        : `got "${spec.url}", expected a URL with a literal host (https://api.example.com/…), or \`hosts\` beside it`,
    });
}

export const httpHeaders = z.record(z.string().regex(/^[A-Za-z][A-Za-z0-9-]*$/), template);

/** A call that the engine makes: its parts are templates over the request. */
export const outboundCall = {
  method: z.enum(['GET', 'POST', 'PUT']).default('GET'),
  ...urlFields,
  headers: httpHeaders.default({}),
  json: z.record(z.string(), template).optional().describe('A JSON body: member to template.'),
};

/** Whether a template reads a part of the request: a secret, or no part at all, is not a stranger's choice. */
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
  .describe('A call that completes the handshake; made from the queue, so that it is repeated until it succeeds.');

export type OutboundCallSpec = z.infer<typeof confirmation>;
