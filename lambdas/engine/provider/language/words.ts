import { z } from 'zod';
import { compileJsonata } from '../../expression/compile-jsonata.ts';
import { parseCallTemplate } from '../request/call-template.ts';
import { durationMs } from '../request/call-transforms.ts';

/** A template of a call. */
export const callTemplate = z.string().superRefine((text, context) => {
  const parsed = parseCallTemplate(text);
  if (parsed.kind === 'fault') context.addIssue({ code: 'custom', message: parsed.message });
});

/**
 * JSONata over the body of an answer, with `$header(name)`, `$status` and `$context`. A text that is one template,
 * such as `{header.retry-after}` or `{json.paging.next}`, may stand for it.
 */
export const answerExpression = z
  .string()
  .min(1)
  .superRefine((text, context) => {
    const fault = expressionFault(text);
    if (fault !== undefined) context.addIssue({ code: 'custom', message: fault });
  });

const aDuration = 'expected a duration such as 500ms, 90s, 5m, 1h or 30d';

export const duration = z.string(aDuration).refine((text) => durationMs(text) !== undefined, aDuration);

export const headerName = z.string().regex(/^[A-Za-z][A-Za-z0-9-]*$/, 'expected the name of a header');

/** The JSONata of an answer's expression: a template that reads the answer becomes what it reads. */
export function toExpression(text: string): string {
  const [, source, name = ''] = /^\{(header|json)\.([^{}|]+)\}$/.exec(text.trim()) ?? [];
  if (source === 'header') return `$header(${JSON.stringify(name.trim())})`;
  if (source === 'json')
    return name
      .trim()
      .split('.')
      .map((member) => (/^\d+$/.test(member) ? `[${member}]` : `.\`${member}\``))
      .join('')
      .replace(/^\./, '');
  return text;
}

function expressionFault(text: string): string | undefined {
  try {
    compileJsonata(toExpression(text));
    return undefined;
  } catch (error) {
    const { message, position } = error as { readonly message?: string; readonly position?: number };
    const place = position === undefined ? '' : ` (character ${position})`;
    return `JSONata: ${message ?? 'not an expression'}${place}${habitIn(text)}`;
  }
}

/** What other languages write in another way. */
function habitIn(text: string): string {
  const outside = text.replace(/"[^"]*"|'[^']*'/g, '""');
  if (/[=!]==|(?<![<>!=])==(?!=)/.test(outside)) return '; JSONata compares with = and !=';
  if (/&&|\|\|/.test(outside)) return '; JSONata writes `and` and `or`';
  return text.trim().startsWith('{') ? '; a template reads one value only: "{header.<name>}" or "{json.<path>}"' : '';
}
