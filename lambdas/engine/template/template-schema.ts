import { z } from 'zod';
import { parseSource, parseTemplate } from './template.ts';

export const template = z.string().superRefine((text, context) => {
  const parsed = parseTemplate(text);
  if (parsed.kind === 'fault') context.addIssue({ code: 'custom', message: parsed.message });
});

export const source = z.string().superRefine((text, context) => {
  if (parseSource(text) === undefined)
    context.addIssue({
      code: 'custom',
      message: `got "${text}", expected a source such as header.X-Event, query.challenge or json.type`,
    });
});

export const identifier = z.string().regex(/^[a-z][a-z0-9_]*$/, 'expected lower-case letters, digits and underscores');
