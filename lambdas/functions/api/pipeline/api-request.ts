import type { APIGatewayProxyEventV2 } from 'aws-lambda';
import type { OperationShape } from '../../../engine/api/operation.ts';
import type { OperationId } from '../../../engine/api/operations.ts';
import type { Refusal } from '../../../flows/access/note-refusal.ts';
import type { AuditEntry } from '../../../ports/tenants/audit-log.ts';
import type { ApiRuntime } from '../api-ports.ts';

/** What the steps of the pipeline work with. */
export interface PipelineContext extends ApiRuntime {
  /** Log a fault that does not fail the call. */
  readonly warn: (what: string) => (error: unknown) => void;
  readonly noteRefusal: (refusal: Refusal) => Promise<void>;
}

/** One request for an operation, before it is checked. */
export interface ApiRequest {
  readonly id: OperationId;
  readonly shape: OperationShape;
  readonly event: APIGatewayProxyEventV2;
  /** Rate limit headers. Admission sets them; every later answer carries them, refusals too. */
  readonly headers: Record<string, string>;
}

/** Where a request comes from, for the audit log. */
export function sourceOf({ requestContext: { http, requestId } }: APIGatewayProxyEventV2): AuditEntry['source'] {
  return { ip: http.sourceIp ?? null, user_agent: http.userAgent ?? null, request_id: requestId };
}
