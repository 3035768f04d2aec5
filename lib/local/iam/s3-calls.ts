import type { Call } from './may-call.ts';
import { type KeyOf, keyCalls, type RequiredCalls } from './required-calls.ts';

export interface S3Request {
  readonly method: string;
  /** Path style, with the query: `/bucket/key?x-id=GetObject`. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** Of a request that names objects in it. */
  readonly body?: unknown;
}

/** Query parameters that change what is done, so that one that is not handled makes the operation unknown. */
const plainParameters =
  /^(x-id|x-amz-.*|response-.*|versionId|partNumber|list-type|prefix|delimiter|marker|max-keys|continuation-token|start-after|encoding-type|fetch-owner|key-marker|version-id-marker)$/i;

/** Headers of a PUT that need an action of their own. */
const putHeaders: readonly [header: RegExp, action: string][] = [
  [/^x-amz-tagging$/, 's3:PutObjectTagging'],
  [/^x-amz-(acl$|grant-)/, 's3:PutObjectAcl'],
  [/^x-amz-object-lock-(mode|retain-until-date)$/, 's3:PutObjectRetention'],
  [/^x-amz-object-lock-legal-hold$/, 's3:PutObjectLegalHold'],
  // A write that depends on what is there tells something of it.
  [/^if-match$/, 's3:GetObject'],
];

/**
 * What an S3 request needs: the action on the object or bucket, and the use of the bucket's key.
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

  switch (operation) {
    case 'GET service':
      return { kind: 'calls', calls: [{ action: 's3:ListAllMyBuckets', resource: '*' }] };
    case 'GET bucket':
    case 'HEAD bucket':
      return need(['ListBucket']);
    case 'PUT bucket':
      return need(['CreateBucket']);
    case 'DELETE bucket':
      return need(['DeleteBucket']);
    case 'GET bucket versions':
      return need(['ListBucketVersions']);
    case 'POST bucket delete':
      return deleteCalls(request, bucket);
    case 'GET bucket lifecycle':
      return need(['GetLifecycleConfiguration']);
    case 'PUT bucket lifecycle':
    case 'DELETE bucket lifecycle':
      return need(['PutLifecycleConfiguration']);
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
 * What a caller needs to learn that an object is not there; without it a read is answered 403.
 *
 * @see https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html
 */
export function absenceCall({ method, url }: S3Request): Call | undefined {
  const place = splitUrl(url);
  if (place === undefined || place.key === '' || (method !== 'GET' && method !== 'HEAD')) return undefined;
  return { action: 's3:ListBucket', resource: arnOf(place.bucket) };
}

/** Objects that are deleted together are named in the body; each needs what it needs alone. */
function deleteCalls(request: S3Request, bucket: string): RequiredCalls {
  const text = Buffer.isBuffer(request.body) ? request.body.toString('utf8') : '';
  const objects = [...text.matchAll(/<Object>(.*?)<\/Object>/gs)].map(([, object = '']) => object);
  // One that is not understood is none that is allowed.
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

/** A copy reads its source. */
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

/** @returns undefined when it is no path. */
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
