import { callsOf } from '../../../../lambdas/engine/definition/calls-of.ts';
import { contextForCalls } from '../../../../lambdas/engine/definition/context-for-calls.ts';
import type { Definition } from '../../../../lambdas/engine/definition/schema.ts';
import { renderCallTemplate, toCallTemplate } from '../../../../lambdas/engine/provider/request/call-template.ts';

/**
 * The origins that the engine calls for an account: of the API, of calls elsewhere, and of token endpoints. Leaves out
 * origins that need a value that the context does not have.
 */
export function apiOrigins(definition: Definition, context: Readonly<Record<string, unknown>>): readonly string[] {
  const { api } = definition;
  if (api === undefined) return [];
  const { oauth2, oauth2_client_credentials: client, oauth2_jwt_bearer: bearer } = api.credentials;
  const urls = [
    api.base_url,
    ...Object.values(api.regions ?? {}),
    ...callsOf(definition).map(({ spec }) => spec.url),
    oauth2?.token_url,
    ...Object.values(oauth2?.regions ?? {}).map((region) => region.token_url),
    client?.token_url,
    bearer?.token_url,
  ];
  const values = { context: contextForCalls(definition, context) };
  const origins = urls.flatMap((template) => {
    if (template === undefined) return [];
    const rendered = renderCallTemplate(toCallTemplate(template), values);
    const url = rendered.kind === 'value' ? String(rendered.value) : '';
    return URL.canParse(url) ? [new URL(url).origin] : [];
  });
  return [...new Set(origins)];
}
