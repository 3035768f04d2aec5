import type { Answer } from '../../engine-client.ts';

/** What a subscription does with an event, as one types it. */
export interface ShapingDraft {
  readonly filter: string;
  readonly fieldsBy: 'all' | 'include' | 'drop';
  /** One path a line, since paths may hold commas. */
  readonly fieldPaths: string;
  readonly transform: string;
  readonly envelope: string;
}

export const emptyShaping: ShapingDraft = {
  filter: '',
  fieldsBy: 'all',
  fieldPaths: '',
  transform: '',
  envelope: 'tributary',
};

type Stored = Pick<Answer<'GET /v1/subscriptions/{id}'>, 'filter' | 'fields' | 'transform' | 'envelope'>;

export function shapingDraftOf({ filter, fields, transform, envelope }: Stored): ShapingDraft {
  return {
    filter: filter ?? '',
    fieldsBy: fields === null ? 'all' : fields.include === undefined ? 'drop' : 'include',
    fieldPaths: (fields?.include ?? fields?.drop ?? []).join('\n'),
    transform: transform ?? '',
    envelope,
  };
}

export function linesOf(text: string): readonly string[] {
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
}

/** Null for a text without content, which means the default. */
export function orNull(text: string): string | null {
  return text.trim() === '' ? null : text;
}

/** The options as the API takes them; null for the default. */
export function shapingOf({ filter, fieldsBy, fieldPaths, transform, envelope }: ShapingDraft) {
  return {
    filter: orNull(filter),
    fields: fieldsBy === 'all' ? null : { [fieldsBy]: linesOf(fieldPaths) },
    transform: orNull(transform),
    envelope,
  };
}
