import type { ApiSpec } from '../language/api-schema.ts';
import { renderCallTemplate, toCallTemplate } from './call-template.ts';
import { textOf } from './call-transforms.ts';
import type { CallValues } from './call-values.ts';

export type BaseUrl =
  | { readonly kind: 'url'; readonly url: string }
  | { readonly kind: 'fault'; readonly message: string };

/** A label of a host's name. A value with a dot or a slash would lead to another host. */
const label = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/i;

/**
 * Where an account's calls go.
 *
 * @param own - The account's own base URL, in the place of the definition's.
 */
export function baseUrlOf({ base_url: declared, regions }: ApiSpec, values: CallValues, own?: string): BaseUrl {
  if (own !== undefined) return wholeUrl(own, "the account's base_url");
  const region = textOf((values.context as Readonly<Record<string, unknown>> | undefined)?.['region']);
  const written =
    (region !== undefined && Object.hasOwn(regions ?? {}, region) ? regions?.[region] : undefined) ?? declared;
  if (written.startsWith('{')) {
    const rendered = renderCallTemplate(toCallTemplate(written), values);
    if (rendered.kind === 'missing') return lacking(rendered.source);
    return wholeUrl(rendered.kind === 'value' ? String(rendered.value) : '', written);
  }
  const [, start = '', host = '', path = ''] = /^(https?:\/\/)([^/]*)(.*)$/.exec(written) ?? [];
  let oddValue = false;
  const renderedHost = renderCallTemplate(toCallTemplate(host), values, (text) => {
    oddValue ||= !label.test(text);
    return text;
  });
  const renderedPath = renderCallTemplate(toCallTemplate(path), values, encodeURIComponent);
  for (const rendered of [renderedHost, renderedPath]) if (rendered.kind === 'missing') return lacking(rendered.source);
  if (
    oddValue ||
    (renderedHost.kind === 'value' &&
      toCallTemplate(host).parts.length === 1 &&
      typeof toCallTemplate(host).parts[0] === 'object')
  )
    return { kind: 'fault', message: `a value of the context cannot be a part of the host in ${written}` };
  return wholeUrl(`${start}${textIn(renderedHost)}${textIn(renderedPath)}`, written);
}

function textIn(rendered: ReturnType<typeof renderCallTemplate>): string {
  return rendered.kind === 'value' ? String(rendered.value) : '';
}

function wholeUrl(text: string, what: string): BaseUrl {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const isSound =
    url !== undefined &&
    /^https?:$/.test(url.protocol) &&
    url.username === '' &&
    url.password === '' &&
    url.search === '' &&
    url.hash === '';
  return isSound
    ? { kind: 'url', url: text.replace(/\/+$/, '') }
    : { kind: 'fault', message: `${what} is not a URL without user name, query and fragment` };
}

function lacking(source: string): BaseUrl {
  return { kind: 'fault', message: lackingMessage(source) };
}

/** What an account lacks, for its owner. */
export function lackingMessage(source: string): string {
  const [root, ...path] = source.split('.');
  const name = path.join('.');
  if (root === 'context') return `the account's context has no "${name}"`;
  if (root === 'credential') return `the account's credentials have no "${name}"`;
  if (root === 'client') return 'the settings of the integration have no client';
  if (root === 'filter') return `the listing needs the filter "${name.replace(/\.eq$/, '')}"`;
  if (root === 'address') return `the record's "${name}" is not known (calls of the API give it as address[${name}])`;
  return `the call needs {${source}}`;
}
