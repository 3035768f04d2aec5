import { z } from 'zod';
import { cursor } from './cursor-schema.ts';
import { answerExpression, callTemplate, duration, headerName } from './words.ts';

/** A JSON value whose texts are templates. */
type TemplateTree =
  | string
  | number
  | boolean
  | null
  | readonly TemplateTree[]
  | { readonly [name: string]: TemplateTree };
const templateTree: z.ZodType<TemplateTree> = z.lazy(() =>
  z.union([callTemplate, z.number(), z.boolean(), z.null(), z.array(templateTree), z.record(z.string(), templateTree)]),
);

const target = z
  .string()
  .regex(
    /^(query|json|form|header|variables)\..+$/,
    'expected query.<name>, json.<path>, variables.<name>, form.<name> or header.<name>',
  );

const pageKinds = ['next', 'link', 'cursor', 'number', 'offset', 'last'] as const;

export const page = z
  .strictObject({
    next: answerExpression
      .optional()
      .describe('The URL of the next page; it is followed as it is, on the hosts of the definition.'),
    link: z.literal('next').optional().describe('The next page is in the `Link` header.'),
    cursor: z
      .strictObject({
        from: answerExpression.describe('The cursor of the next page in the answer.'),
        to: target.optional().describe('Where it goes; also `{page.cursor?}` in a template.'),
      })
      .optional(),
    number: z
      .strictObject({
        to: target.optional().describe('Where the number of the page goes; also `{page.number}`.'),
        start: z.int().min(0).default(1).describe('The number of the first page.'),
        last: answerExpression.optional().describe('How many pages there are, where the answer says so.'),
      })
      .optional(),
    offset: z
      .strictObject({
        to: target.optional().describe('Where the number of records to skip goes; also `{page.offset}`.'),
        start: z.int().min(0).default(0),
      })
      .optional(),
    last: z
      .strictObject({
        from: answerExpression.describe('What the next page begins after, over the last record of a page.'),
        to: target.optional().describe('Where it goes; also `{page.last?}`.'),
      })
      .optional()
      .describe('The next page begins after the last record (key set, `starting_after`).'),
    size: z.int().min(1).max(10_000).optional().describe('Records of one page; also `{page.size}`.'),
    size_to: target.optional().describe('Where the size goes.'),
    more: answerExpression.optional().describe('True where another page follows.'),
    end: answerExpression.optional().describe('True on the last page.'),
    keep: z
      .union([z.enum(['all', 'none']), z.array(z.string().min(1))])
      .optional()
      .describe('The query parameters that following pages repeat. Default: `none` for `next` and `link`, else `all`.'),
    expires: duration.optional().describe('How long a following page can be read.'),
    order: z.enum(['none', 'asc', 'desc']).default('none').describe('How the pages are ordered by the time of change.'),
  })
  .superRefine((written, context) => {
    const given = pageKinds.filter((kind) => written[kind] !== undefined);
    if (given.length !== 1)
      context.addIssue({
        code: 'custom',
        message: `got ${given.length === 0 ? 'none' : given.join(' and ')}, expected exactly one of ${pageKinds.join(', ')}`,
      });
    if (
      written.number !== undefined &&
      written.number.last === undefined &&
      written.size === undefined &&
      !hasEnd(written)
    )
      context.addIssue({
        code: 'custom',
        path: ['number'],
        message: 'got no way to tell the last page, expected `size`, `more`, `end` or `number.last`',
      });
    if (written.offset !== undefined && written.size === undefined)
      context.addIssue({
        code: 'custom',
        path: ['offset'],
        message: 'got `offset` without `size`, expected the records of one page',
      });
  });

function hasEnd({ more, end }: { readonly more?: unknown; readonly end?: unknown }): boolean {
  return more !== undefined || end !== undefined;
}

const requestMembers = {
  method: z.enum(['GET', 'POST', 'PUT', 'PATCH', 'DELETE']).default('GET'),
  path: callTemplate.optional().describe('The path below `base_url`. Values are percent-encoded.'),
  url: callTemplate.optional().describe('A whole URL, in the place of `path`; its host is literal, or one of `hosts`.'),
  query: z
    .record(z.string(), z.union([callTemplate, z.number(), z.boolean()]))
    .optional()
    .describe('Parameters; one whose optional part is unset is left out.'),
  headers: z.record(headerName, callTemplate).optional(),
  json: templateTree
    .optional()
    .describe('A JSON body. A member, or an item of a list, that holds an unset optional part is left out.'),
  form: z.record(z.string(), callTemplate).optional().describe('A form as the body.'),
  text: callTemplate.optional().describe('A text as the body.'),
  content_type: z.string().min(1).optional().describe('Of `text`. Default: text/plain.'),
  graphql: z.string().min(1).optional().describe('A GraphQL query: inline, or the name of a .graphql file.'),
  variables: z.record(z.string(), templateTree).optional().describe('The variables of `graphql`.'),
  where: z
    .record(
      z
        .string()
        .regex(
          /^[a-z][a-z0-9_]*(\.(eq|gt|gte|lt|lte))?$/,
          'expected <filter> or <filter>.<operator>, with one of eq, gt, gte, lt, lte',
        ),
      callTemplate,
    )
    .optional()
    .describe(
      'Conditions of a query language by filter, with `{value}`. Those of given filters are joined as `{where}`.',
    ),
  where_join: z.string().min(1).default(' AND '),
  cost: z.number().positive().default(1).describe('What the call takes from limits that count cost.'),
  timeout: duration.optional(),
};

const answerMembers = {
  format: z
    .enum(['json', 'xml', 'jsonl', 'csv', 'text'])
    .default('json')
    .describe('How to read the answer. `csv`: a list of objects, with the names of the first line.'),
  expect: answerExpression
    .optional()
    .describe('Must be true, else the answer is a fault: it tells an empty list from another kind of answer.'),
};

function oneOf(names: readonly string[]) {
  return (written: Readonly<Record<string, unknown>>, context: z.RefinementCtx): void => {
    const given = names.filter((name) => written[name] !== undefined);
    if (given.length > 1)
      context.addIssue({
        code: 'custom',
        path: [given[1] as string],
        message: `got ${given.join(' and ')}, expected one of them`,
      });
  };
}

function checkRequest(written: Readonly<Record<string, unknown>>, context: z.RefinementCtx): void {
  oneOf(['json', 'form', 'text', 'graphql'])(written, context);
  oneOf(['path', 'url'])(written, context);
  if (written['path'] === undefined && written['url'] === undefined && written['graphql'] === undefined)
    context.addIssue({
      code: 'custom',
      message: 'got neither `path` nor `url`, expected one of them, such as path: /tickets',
    });
  if (written['variables'] !== undefined && written['graphql'] === undefined)
    context.addIssue({
      code: 'custom',
      path: ['variables'],
      message: 'got `variables` without `graphql`, expected its query too, or `json`',
    });
}

/** A request that brings no records: of a token, or a check of credentials. */
export const plainCall = z.strictObject({ ...requestMembers, ...answerMembers }).superRefine(checkRequest);

/** Reads one record. */
export const getCall = z
  .strictObject({
    ...requestMembers,
    ...answerMembers,
    record: answerExpression.default('$').describe('Where the record is in the answer.'),
    when_empty: z
      .enum(['gone', 'fault'])
      .default('fault')
      .describe(
        'What a successful answer without a record means: `gone` where the provider answers so for deleted ones.',
      ),
    not_before: duration
      .optional()
      .describe('How long after its creation a record may not be found yet: until then, `gone` is tried again.'),
  })
  .superRefine(checkRequest)
  .describe('Reads one record by `{id}`.');

/** Reads several records by their ids. */
export const batchGetCall = z
  .strictObject({
    ...requestMembers,
    ...answerMembers,
    records: answerExpression.describe('Where the list is in the answer.'),
    max: z.int().min(2).max(10_000).describe('The most records of one call.'),
    missing: z
      .enum(['gone', 'get'])
      .default('get')
      .describe('What the absence of a record in the answer means: `gone`, or that `get` must tell.'),
  })
  .superRefine(checkRequest)
  .describe('Reads the records with the ids `{ids}` in one call.');

const listMembers = {
  ...requestMembers,
  ...answerMembers,
  records: answerExpression.describe('Where the list is in the answer.'),
  page: page.optional(),
  thin: z.boolean().default(false).describe('Whether rows have only ids: `get` or `batch_get` reads the records.'),
  conditional: z
    .enum(['etag', 'last_modified'])
    .optional()
    .describe(
      'The validator with which the first page is asked for again: the provider answers 304 where it is the same.',
    ),
  cap: z
    .int()
    .min(1)
    .optional()
    .describe(
      'The most rows that the provider gives for one request and its pages. A sync then asks for less at a time.',
    ),
};

/** Reads many records, page by page. */
export const listCall = z
  .strictObject({
    ...listMembers,
    complete: z
      .boolean()
      .default(false)
      .describe(
        'Whether the listing hides nothing, such as archived or inactive records: what is absent from it has been deleted.',
      ),
  })
  .superRefine(checkRequest)
  .describe(
    'Reads all records, page by page. A template or a `where` that reads `{filter.<name>}` offers that filter.',
  );

/** Reads what has changed, page by page. */
export const changesCall = z.strictObject({ ...listMembers, cursor: cursor.optional() }).superRefine(checkRequest);

/** Reads which records were deleted, page by page. */
export const deletionsCall = z
  .strictObject({
    ...listMembers,
    cursor: cursor.optional(),
    id: answerExpression.optional().describe("The deleted record's id, over a row. Default: the resource's `id`."),
  })
  .superRefine(checkRequest);

/** Writes one record. */
export const writeCall = z
  .strictObject({ ...requestMembers, ...answerMembers, record: answerExpression.optional() })
  .superRefine(checkRequest);

export type PlainCallSpec = z.infer<typeof plainCall>;
export type GetCallSpec = z.infer<typeof getCall>;
export type BatchGetCallSpec = z.infer<typeof batchGetCall>;
export type ListCallSpec = z.infer<typeof listCall>;
export type ChangesCallSpec = z.infer<typeof changesCall>;
export type DeletionsCallSpec = z.infer<typeof deletionsCall>;
export type WriteCallSpec = z.infer<typeof writeCall>;
export type PageSpec = z.infer<typeof page>;
/** What every call has. */
export type CallSpec = PlainCallSpec;
