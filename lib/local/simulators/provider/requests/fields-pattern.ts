import type { PageSpec } from '../../../../../lambdas/engine/provider/language/call-schema.ts';
import { type Capture, type TemplatePattern, templatePattern } from './template-pattern.ts';
import type { TreeMatch } from './tree-pattern.ts';

export interface FieldsOptions {
  readonly templates: Readonly<Record<string, string | number | boolean>>;
  /** Fields that each request has as they are. */
  readonly fixed: readonly (readonly [string, string])[];
  /** Fields that say nothing about the call. */
  readonly ignored: readonly string[];
  /** The fields that following pages repeat. */
  readonly keep: PageSpec['keep'];
}

/** Reads the values of a query or a form back. @returns Undefined if the fields are not of the templates. */
export type FieldsPattern = (
  fields: readonly (readonly [string, string])[],
  isFollowing: boolean,
) => TreeMatch | undefined;

/** Compile the templates of a query or a form to a pattern. A field that no template explains is not of the call. */
export function fieldsPattern({ templates, fixed, ignored, keep }: FieldsOptions): FieldsPattern {
  const patterns = Object.entries(templates).map(
    ([name, template]) => [name, templatePattern(String(template))] as const,
  );
  return (fields, isFollowing) => {
    const left = fields.filter(([name]) => !ignored.includes(name));
    for (const [name, value] of fixed) {
      const place = left.findIndex(([one, other]) => one === name && other === value);
      if (place < 0) return undefined;
      left.splice(place, 1);
    }
    const captures: Capture[] = [];
    let literals = fixed.length;
    for (const [name, pattern] of patterns) {
      const values = left.filter(([one]) => one === name).map(([, value]) => value);
      if (values.length === 0) {
        const isDropped = isFollowing && keep !== undefined && keep !== 'all' && !keep.includes(name);
        if (!pattern.isOptional && !isDropped) return undefined;
        continue;
      }
      const found = matchField(pattern, values);
      if (found === undefined) return undefined;
      captures.push(...found);
      if (pattern.literalLength > 0) literals += 1;
    }
    const known = new Set(patterns.map(([name]) => name));
    return left.every(([name]) => known.has(name)) ? { captures, literals } : undefined;
  };
}

/** A list is a repeated field. */
function matchField(pattern: TemplatePattern, values: readonly string[]): readonly Capture[] | undefined {
  const [only] = pattern.placeholders;
  const isList = only?.root === 'ids' && !only.transforms.some(({ name }) => name === 'join');
  return pattern.match(values.length === 1 && !isList ? values[0] : values);
}
