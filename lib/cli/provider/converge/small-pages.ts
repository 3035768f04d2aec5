import type { Definition } from '../../../../lambdas/engine/definition/schema.ts';

type Resources = NonNullable<Definition['resources']>;

/** Rows of a page: few enough that the records of a history fill several. */
const pageRows = 5;

/** The same definition with small pages, so that few records show what many would. */
export function withSmallPages(definition: Definition): Definition {
  const { resources = {} } = definition;
  return {
    ...definition,
    resources: Object.fromEntries(
      Object.entries(resources).map(([name, said]) => {
        const { list, changes, deletions } = said;
        return [
          name,
          {
            ...said,
            ...(list === undefined ? {} : { list: smaller(list) }),
            ...(changes === undefined ? {} : { changes: smaller(changes) }),
            ...(deletions === undefined ? {} : { deletions: smaller(deletions) }),
          },
        ];
      }),
    ) as Resources,
  };
}

function smaller<Call extends { readonly page?: { readonly size?: number | undefined } | undefined }>(
  call: Call,
): Call {
  const size = call.page?.size;
  return size === undefined ? call : { ...call, page: { ...call.page, size: Math.min(size, pageRows) } };
}
