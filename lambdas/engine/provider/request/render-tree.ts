import { type RenderedValue, renderCallTemplate, toCallTemplate } from './call-template.ts';
import type { CallValues } from './call-values.ts';

/**
 * Render a JSON value whose texts are templates. A member whose optional part is unset is left out; a member of a list
 * that would hold such a member is left out as a whole.
 */
export function renderTree(tree: unknown, values: CallValues): RenderedValue {
  const { isIncomplete: _, ...result } = render(tree, values);
  return result;
}

type Rendered = RenderedValue & { readonly isIncomplete?: boolean };

function render(tree: unknown, values: CallValues): Rendered {
  if (typeof tree === 'string') return renderCallTemplate(toCallTemplate(tree), values);
  if (Array.isArray(tree)) return renderList(tree, values);
  if (typeof tree === 'object' && tree !== null) return renderObject(tree, values);
  return { kind: 'value', value: tree };
}

function renderList(tree: readonly unknown[], values: CallValues): Rendered {
  const items: unknown[] = [];
  for (const item of tree) {
    const rendered = render(item, values);
    if (rendered.kind === 'missing') return rendered;
    if (rendered.kind === 'value' && rendered.isIncomplete !== true) items.push(rendered.value);
  }
  return { kind: 'value', value: items };
}

function renderObject(tree: object, values: CallValues): Rendered {
  const members: [string, unknown][] = [];
  let isIncomplete = false;
  for (const [name, member] of Object.entries(tree)) {
    const rendered = render(member, values);
    if (rendered.kind === 'missing') return rendered;
    isIncomplete ||= rendered.kind === 'unset' || rendered.isIncomplete === true;
    if (rendered.kind === 'value') members.push([name, rendered.value]);
  }
  return { kind: 'value', value: Object.fromEntries(members), isIncomplete };
}
