import type { Call } from './may-call.ts';
import { type KeyOf, keyCalls, type RequiredCalls } from './required-calls.ts';

export interface S3Request {
  readonly method: string;
  /** Path style, with the query: `/bucket/key?x-id=GetObject`. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** Of requests that name objects in their body. */
  readonly body?: unknown;
}

/** Query parameters that do not change the operation; any other parameter becomes part of its name. */
const plainParameters =
  /^(x-id|x-amz-.*|response-.*|versionId|partNumber|list-type|prefix|delimiter|marker|max-keys|continuation-token|start-after|encoding-type|fetch-owner|key-marker|version-id-marker)$/i;

/** Headers of a PUT that require a further permission. */
const putHeaders: readonly [header: RegExp, action: string][] = [
  [/^x-amz-tagging$/, 's3:PutObjectTagging'],
  [/^x-amz-(acl$|grant-)/, 's3:PutObjectAcl'],
  [/^x-amz-object-lock-(mode|retain-until-date)$/, 's3:PutObjectRetention'],
  [/^x-amz-object-lock-legal-hold$/, 's3:PutObjectLegalHold'],
  // A conditional write reveals something about the current object.
  [/^if-match$/, 's3:GetObject'],
];

/** Operations on a bucket that need one permission. */
const bucketActions: Readonly<Record<string, string>> = {
  'GET bucket': 'ListBucket',
  'HEAD bucket': 'ListBucket',
  'PUT bucket': 'CreateBucket',
  'DELETE bucket': 'DeleteBucket',
  'GET bucket versions': 'ListBucketVersions',
  'GET bucket lifecycle': 'GetLifecycleConfiguration',
  'PUT bucket lifecycle': 'PutLifecycleConfiguration',
  'DELETE bucket lifecycle': 'PutLifecycleConfiguration',
};

/**
 * Permissions that an S3 request needs: the action on the object or bucket, and the use of the bucket's key.
 *
 * @see https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html
 */
export function s3Calls(request: S3Request, keyOf: KeyOf): RequiredCalls {
  const place = splitUrl(request.url);
  if (place === undefined) return { kind: 'malformed' };
  const { bucket, key, parameters } = place;
  const has = (name: string) => parameters.includes(name);
  const extra = parameters.filter((name) => !plainParameters.test(name));
  const operation = [request.method, bucket === '' ? 'service' : key === '' ? 'bucket' : 'object', ...extra].join(' ');
  const resource = arnOf(bucket, key);
  const keyArn = keyOf(arnOf(bucket));
  const need = (actions: readonly string[], ...keyActions: readonly string[]): RequiredCalls => ({
    kind: 'calls',
    calls: [...actions.map((action) => ({ action: `s3:${action}`, resource })), ...keyCalls(keyArn, ...keyActions)],
  });

  const bucketAction = bucketActions[operation];
  if (bucketAction !== undefined) return need([bucketAction]);
  switch (operation) {
    case 'GET service':
      return { kind: 'calls', calls: [{ action: 's3:ListAllMyBuckets', resource: '*' }] };
    case 'POST bucket delete':
      return deleteCalls(request, bucket);
    case 'GET object':
    case 'HEAD object':
      return need([has('versionId') ? 'GetObjectVersion' : 'GetObject'], 'Decrypt');
    case 'GET object attributes':
      return need(['GetObject', 'GetObjectAttributes'], 'Decrypt');
    case 'GET object uploadId':
      return need(['ListMultipartUploadParts']);
    case 'PUT object': {
      const names = Object.keys(request.headers);
      const calls = putHeaders.flatMap(([header, action]) =>
        names.some((name) => header.test(name)) ? [{ action, resource }] : [],
      );
      return join(need(['PutObject'], 'GenerateDataKey'), [...calls, ...copyCalls(request, keyOf)]);
    }
    case 'POST object uploads':
      return need(['PutObject'], 'GenerateDataKey');
    case 'PUT object uploadId':
      return join(need(['PutObject'], 'GenerateDataKey', 'Decrypt'), copyCalls(request, keyOf));
    case 'POST object uploadId':
      return need(['PutObject'], 'Decrypt');
    case 'DELETE object':
      return join(need([has('versionId') ? 'DeleteObjectVersion' : 'DeleteObject']), bypassCalls(request, resource));
    case 'DELETE object uploadId':
      return need(['AbortMultipartUpload']);
    default:
      return { kind: 'unknown', operation: `s3: ${operation}` };
  }
}

/**
 * The permission to learn that an object does not exist; without it S3 answers a read with 403.
 *
 * @see https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html
 */
export function absenceCall({ method, url }: S3Request): Call | undefined {
  const place = splitUrl(url);
  if (place === undefined || place.key === '' || (method !== 'GET' && method !== 'HEAD')) return undefined;
  return { action: 's3:ListBucket', resource: arnOf(place.bucket) };
}

/** A batch delete names its objects in the body; each needs the permissions of a single delete. */
function deleteCalls(request: S3Request, bucket: string): RequiredCalls {
  const text = Buffer.isBuffer(request.body) ? request.body.toString('utf8') : '';
  const objects = [...text.matchAll(/<Object>(.*?)<\/Object>/gs)].map(([, object = '']) => object);
  // Rejects a body that this cannot parse, rather than allow it.
  if (objects.length === 0 || objects.some((object) => object.split('<Key>').length !== 2))
    return { kind: 'unknown', operation: 's3: POST bucket delete of a body that is not understood' };
  const calls = objects.flatMap((object) => {
    const resource = arnOf(bucket, unescapeXml(/<Key>(.*?)<\/Key>/s.exec(object)?.[1] ?? ''));
    const action = object.includes('<VersionId>') ? 's3:DeleteObjectVersion' : 's3:DeleteObject';
    return [{ action, resource }, ...bypassCalls(request, resource)];
  });
  return { kind: 'calls', calls };
}

/** @see https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-lock-managing.html */
function bypassCalls({ headers }: S3Request, resource: string): Call[] {
  const asked = String(headers['x-amz-bypass-governance-retention'] ?? '').toLowerCase() === 'true';
  return asked ? [{ action: 's3:BypassGovernanceRetention', resource }] : [];
}

function unescapeXml(text: string): string {
  const entities: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };
  return text.replace(/&(amp|lt|gt|quot|apos);/g, (_, name: string) => entities[name] ?? '');
}

/** A copy also needs permission to read its source. */
function copyCalls({ headers }: S3Request, keyOf: KeyOf): Call[] {
  const source = headers['x-amz-copy-source'];
  if (typeof source !== 'string') return [];
  const from = splitUrl(source.startsWith('/') ? source : `/${source}`);
  if (from === undefined) return [];
  const action = from.parameters.includes('versionId') ? 's3:GetObjectVersion' : 's3:GetObject';
  return [{ action, resource: arnOf(from.bucket, from.key) }, ...keyCalls(keyOf(arnOf(from.bucket)), 'Decrypt')];
}

function join(required: RequiredCalls, calls: readonly Call[]): RequiredCalls {
  return required.kind === 'calls' ? { kind: 'calls', calls: [...required.calls, ...calls] } : required;
}

function arnOf(bucket: string, key = ''): string {
  return `arn:aws:s3:::${bucket}${key === '' ? '' : `/${key}`}`;
}

/** @returns undefined when the path cannot be decoded. */
function splitUrl(url: string): { bucket: string; key: string; parameters: string[] } | undefined {
  const at = url.indexOf('?');
  const path = at === -1 ? url : url.slice(0, at);
  const parameters = at === -1 ? [] : [...new URLSearchParams(url.slice(at + 1)).keys()];
  const [, bucket = '', key = ''] = /^\/([^/]*)\/?(.*)$/s.exec(path) ?? [];
  try {
    return { bucket: decodeURIComponent(bucket), key: decodeURIComponent(key), parameters };
  } catch {
    return undefined;
  }
}
