import { missingReason, type RejectionReason } from '../request/rejection-reason.ts';
import { parseTemplate, renderTemplate, type Template, type TemplateInput } from '../template/template.ts';
import type { OutboundCallSpec } from './outbound-schema.ts';

/** An outbound call that a definition specifies. */
export interface OutboundCall {
  readonly method: 'GET' | 'POST' | 'PUT';
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** JSON text; undefined for a call without a body. */
  readonly body: string | undefined;
}

interface Refusal {
  readonly kind: 'rejected';
  readonly reason: RejectionReason;
  readonly detail: string;
}

type OutboundUrl = { readonly kind: 'url'; readonly url: string } | Refusal;

/** Builds the outbound call from a request. */
export type ReadCall = (input: TemplateInput) => { readonly kind: 'call'; readonly call: OutboundCall } | Refusal;

/** Builds the URL of an outbound call from a request. */
export type ReadUrl = (input: TemplateInput) => OutboundUrl;

/** No provider sends a longer URL. */
const maxUrlCharacters = 2048;

/**
 * Prepare the URL of an outbound call. With a literal host, values from the request are percent-encoded, so they cannot
 * change other parts of the URL. If the request gives the whole URL, its host must be in `hosts`, its scheme https and
 * its port the default. If a secret is part of the host, both rules apply.
 */
export function prepareUrl(spec: { readonly url: string; readonly hosts?: readonly string[] | undefined }): ReadUrl {
  const parsed = parseTemplate(spec.url);
  if (parsed.kind === 'fault') throw new TypeError(parsed.message);
  const { template } = parsed;
  const { hosts } = spec;
  if (hosts === undefined) return (input) => renderEncoded(template, input);
  const allowed = hosts.map(hostPattern);
  const [first] = template.parts;
  // Values after a host that is partly a secret must not change other parts of the URL either.
  const isBuilt = first !== undefined && 'literal' in first;
  return (input) => {
    const rendered = isBuilt ? renderEncoded(template, input) : renderWhole(template, input);
    if (rendered.kind === 'rejected') return rendered;
    const text = rendered.url;
    const url = text.length <= maxUrlCharacters && URL.canParse(text) ? new URL(text) : undefined;
    const isAllowed =
      url !== undefined &&
      url.protocol === 'https:' &&
      url.port === '' &&
      url.username === '' &&
      url.password === '' &&
      allowed.some((pattern) => pattern.test(url.hostname));
    if (!isAllowed) return { kind: 'rejected', reason: 'url-not-allowed', detail: spec.url };
    // A fragment is never sent, so URLs that differ only there are the same.
    url.hash = '';
    return { kind: 'url', url: url.href };
  };
}

/** Prepare a call whose parts are templates. The input holds the secrets that they name. */
export function prepareCall(spec: OutboundCallSpec): ReadCall {
  const readUrl = prepareUrl(spec);
  const headers = templatesOf(spec.headers);
  const members = spec.json === undefined ? undefined : templatesOf(spec.json);
  return (input) => {
    const url = readUrl(input);
    if (url.kind === 'rejected') return url;
    const sent = renderMembers(headers, input);
    const body = members === undefined ? undefined : renderMembers(members, input);
    const missing = [sent, body].find((rendered) => typeof rendered === 'string');
    if (typeof missing === 'string') return lacking(missing);
    // A line break would let the sender add a header.
    const odd = Object.entries(sent).find(([, value]) => !/^[\t\x20-\x7e]*$/.test(value));
    if (odd !== undefined) return { kind: 'rejected', reason: 'token-malformed', detail: odd[0] };
    return {
      kind: 'call',
      call: {
        method: spec.method,
        url: url.url,
        headers: {
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...(sent as Readonly<Record<string, string>>),
        },
        body: body === undefined ? undefined : JSON.stringify(body),
      },
    };
  };
}

/** Reject a call because the request lacks a part, or a secret is not configured. */
function lacking(source: string): Refusal {
  return source.startsWith('secret.')
    ? { kind: 'rejected', reason: 'secret-not-configured', detail: source.slice('secret.'.length) }
    : { kind: 'rejected', reason: 'value-missing', detail: source };
}

/** Render each member, or return the source of the first missing part. */
function renderMembers(
  members: Readonly<Record<string, Template>>,
  input: TemplateInput,
): Readonly<Record<string, string>> | string {
  const rendered: Record<string, string> = {};
  for (const [name, template] of Object.entries(members)) {
    const text = renderTemplate(template, input);
    if (text.kind === 'missing') return text.source;
    rendered[name] = text.chunks.map(String).join('');
  }
  return rendered;
}

function templatesOf(texts: Readonly<Record<string, string>>): Readonly<Record<string, Template>> {
  return Object.fromEntries(
    Object.entries(texts).map(([name, text]) => {
      const parsed = parseTemplate(text);
      if (parsed.kind === 'fault') throw new TypeError(`template "${text}": ${parsed.message}`);
      return [name, parsed.template];
    }),
  );
}

function renderWhole(template: Template, input: TemplateInput): OutboundUrl {
  const rendered = renderTemplate(template, input);
  return rendered.kind === 'missing'
    ? { kind: 'rejected', reason: missingReason(rendered.source), detail: rendered.source }
    : { kind: 'url', url: rendered.chunks.map(String).join('') };
}

function renderEncoded({ parts }: Template, input: TemplateInput): OutboundUrl {
  let url = '';
  for (const part of parts) {
    if ('literal' in part) {
      url += part.literal;
      continue;
    }
    const rendered = renderTemplate({ parts: [part] }, input);
    if (rendered.kind === 'missing')
      return { kind: 'rejected', reason: missingReason(rendered.source), detail: rendered.source };
    const text = rendered.chunks.map(String).join('');
    // `.` and `..` navigate in a path, in any encoding.
    if (/^\.{1,2}$/.test(text)) return { kind: 'rejected', reason: 'url-not-allowed', detail: part.text };
    url += encode(text);
  }
  return url.length <= maxUrlCharacters
    ? { kind: 'url', url }
    : { kind: 'rejected', reason: 'url-not-allowed', detail: `more than ${maxUrlCharacters} characters` };
}

/** `encodeURIComponent` throws on half a surrogate pair, so replace it first. */
function encode(text: string): string {
  return encodeURIComponent(text.toWellFormed());
}

/**
 * Names of AWS regions, such as eu-north-1, us-gov-west-1 and eusc-de-east-1. It must not match the name of a service
 * (s3), nor one that a customer chose.
 */
const regionSyntax = '[a-z]{2,4}(-[a-z]{2,12}){1,3}-[0-9]{1,2}';

/** `{region}` matches exactly one label of the host, because it matches no dot. */
function hostPattern(pattern: string): RegExp {
  const source = pattern
    .split('{region}')
    .map((literal) => literal.replace(/[^a-z0-9-]/g, '\\$&'))
    .join(regionSyntax);
  return new RegExp(`^${source}$`);
}
