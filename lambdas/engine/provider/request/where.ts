import { readPath } from '../../template/template.ts';
import type { CallSpec } from '../language/call-schema.ts';
import { renderCallTemplate, toCallTemplate } from './call-template.ts';
import { textOf } from './call-transforms.ts';
import type { CallValues } from './call-values.ts';

type Where =
  | { readonly kind: 'where'; readonly text: string | undefined }
  | { readonly kind: 'missing'; readonly source: string };

/** The conditions of the filters that are given, joined; undefined where none is. */
export function whereOf({ where = {}, where_join: join }: CallSpec, values: CallValues): Where {
  const conditions: string[] = [];
  for (const [name, template] of Object.entries(where)) {
    const [filter = '', operator = 'eq'] = name.split('.');
    const value = readPath(values.filter, [filter, operator]);
    if (value === undefined || value === null) continue;
    const rendered = renderCallTemplate(toCallTemplate(template), { ...values, value });
    if (rendered.kind === 'missing') return rendered;
    const text = rendered.kind === 'value' ? textOf(rendered.value) : undefined;
    if (text !== undefined) conditions.push(text);
  }
  return { kind: 'where', text: conditions.length === 0 ? undefined : conditions.join(join) };
}
