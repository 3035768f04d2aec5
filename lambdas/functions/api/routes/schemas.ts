import { z } from 'zod';
import { type ApiRoute, decodeCursor, encodeCursor, listQuery, readQuery } from '../api-call.ts';
import type { ApiPorts } from '../api-ports.ts';
import { notFound } from '../principal.ts';

const schemaCursor = z.object({ resource: z.string().min(1).max(128) });

/** What the data of events looks like: the JSON Schema of each canonical resource. */
export function schemaRoutes({ resources }: Pick<ApiPorts, 'resources'>): readonly ApiRoute[] {
  return [
    {
      method: 'GET',
      path: '/v1/schemas',
      async handle(call) {
        const { limit, cursor } = readQuery(call, listQuery);
        const after = decodeCursor(cursor, schemaCursor)?.resource ?? '';
        const left = [...(await resources.all())].filter(([resource]) => resource > after);
        const page = left.slice(0, limit).map(([resource, { version, title }]) => ({ resource, version, title }));
        const last = left.length > limit ? page.at(-1)?.resource : undefined;
        return {
          status: 200,
          body: { data: page, next_cursor: last === undefined ? null : encodeCursor({ resource: last }) },
        };
      },
    },
    {
      method: 'GET',
      // A resource is named with a slash: hris/employees.
      path: '/v1/schemas/{model}/{plural}',
      async handle({ params }) {
        const schema = (await resources.all()).get(`${params['model']}/${params['plural']}`);
        if (schema === undefined) throw notFound('resource');
        return { status: 200, body: schema };
      },
    },
  ];
}
