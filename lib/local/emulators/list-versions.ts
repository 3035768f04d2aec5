import type { buildApp } from 'fauxqs';

type App = ReturnType<typeof buildApp>;

/**
 * Make fauxqs answer ListObjectVersions as S3 does for a bucket without versioning: each object is the version `null`.
 * fauxqs keeps no versions and treats the call as ListObjects, whose answer clients of this call cannot read.
 *
 * @see https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectVersions.html
 */
export function listVersions(app: App): void {
  app.addHook('preHandler', (request, _, done) => {
    const query = request.query as Record<string, string | undefined>;
    if (isListing(request.method, query)) {
      query['marker'] = query['key-marker'];
      delete query['list-type'];
    }
    done();
  });
  app.addHook('onSend', (request, reply, payload, done) => {
    const isAnswer = reply.statusCode === 200 && typeof payload === 'string';
    if (!isAnswer || !isListing(request.method, request.query as object)) return done(null, payload);
    done(
      null,
      payload
        .replaceAll('ListBucketResult', 'ListVersionsResult')
        .replaceAll('<Contents>', '<Version><VersionId>null</VersionId><IsLatest>true</IsLatest>')
        .replaceAll('</Contents>', '</Version>')
        .replaceAll('NextMarker>', 'NextKeyMarker>'),
    );
  });
}

function isListing(method: string, query: object): boolean {
  return method === 'GET' && 'versions' in query;
}
