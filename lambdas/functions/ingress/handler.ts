import type { Logger } from '@aws-lambda-powertools/logger';
import type { APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2 } from 'aws-lambda';
import type { IngressNote, IngressOutcome } from '../../contracts/outcomes.ts';
import type { WebhookRequest } from '../../engine/request/webhook-request.ts';
import { traceOfRequest } from '../../engine/trace/trace-ids.ts';
import type { RejectionCounter } from '../../flows/ingest/count-rejections.ts';
import { answerOf, type ReceivePorts, receiveProviderRequest } from '../../flows/ingest/receive-webhook.ts';
import type { OutcomeCounter } from '../../ports/runtime/outcome-counter.ts';
import { type MayTell, type MetricsApart, type Tell, tellAll } from '../invocation/telemetry.ts';

export interface IngressRuntime {
  readonly ports: ReceivePorts;
  readonly log: Logger;
  readonly tell: Tell;
  /** @default every line */
  readonly mayTell?: MayTell;
  readonly outcomes: OutcomeCounter<IngressOutcome | IngressNote>;
  readonly rejections: RejectionCounter;
  /** Origin that providers call, without a trailing slash. Some providers sign the URL. */
  readonly ingressUrl: string;
}

/** Receives one request of a provider; answers 2xx only after the request is durable. */
export function createIngressHandler({
  ports,
  log,
  tell,
  mayTell = tellAll,
  outcomes,
  rejections,
  ingressUrl,
}: IngressRuntime) {
  return async (event: APIGatewayProxyEventV2): Promise<APIGatewayProxyStructuredResultV2> => {
    const { integration = '', account } = event.pathParameters ?? {};
    const target = account === undefined ? { integration } : { integration, account };
    const receipt =
      account === undefined || isIdentifier(account)
        ? await receiveProviderRequest(ports, target, toWebhookRequest(event, ingressUrl), (error) =>
            log.warn('webhooks pass without a rate limit check', { integration, account, error: error as Error }),
          )
        : { kind: 'unknown' as const };
    const outcome = receipt.kind === 'accepted' || receipt.kind === 'handshake' ? receipt.kind : 'rejected';
    outcomes.count(outcome);
    if (receipt.kind === 'hop-limit' || receipt.kind === 'rate-limited') outcomes.count(receipt.kind);
    const counting = await rejections.count(target, receipt);
    if (counting.kind !== 'counted') log.warn('statistics are not written yet', { integration, ...counting });
    const correlationId = receipt.kind === 'accepted' ? traceOfRequest(receipt.rawId) : undefined;
    const response = toResponse(answerOf(receipt));
    if (correlationId !== undefined && !mayTell(correlationId)) return response;
    // Log last, so the line carries every count; a call that crashes earlier has counted nothing.
    const details = {
      integration,
      account,
      outcome: receipt.kind,
      ...(receipt.kind === 'rejected' ? { reason: receipt.reason } : {}),
      ...(receipt.kind === 'accepted' ? { correlation_id: correlationId, rawId: receipt.rawId } : {}),
      ...(receipt.kind === 'hop-limit' ? { hops: receipt.hops, cause: receipt.cause } : {}),
      ...(receipt.kind === 'rate-limited' ? { limitedBy: receipt.by } : {}),
    };
    tell(
      'request received',
      details,
      receipt.kind === 'rejected' ? failedVerification(integration, receipt.reason) : undefined,
    );
    return response;
  };
}

/**
 * A stranger cannot make up series of this metric: only integrations whose URL exists reject a request with a reason,
 * and reasons are few.
 */
function failedVerification(integration: string, reason: string): MetricsApart {
  return {
    values: { 'verification-failed': 1 },
    dimensions: { integration, reason },
    by: [[], ['integration'], ['reason']],
  };
}

/** Whether a text may be an account's id; the store is not asked for others. */
function isIdentifier(text: string): boolean {
  return /^[A-Za-z0-9][\w-]{0,127}$/.test(text);
}

function toWebhookRequest(event: APIGatewayProxyEventV2, ingressUrl: string): WebhookRequest {
  const headers = Object.entries(event.headers).flatMap(([name, value]) =>
    value === undefined ? [] : [[name.toLowerCase(), value] as const],
  );
  return {
    method: event.requestContext.http.method,
    url: `${ingressUrl}${event.rawPath}${event.rawQueryString === '' ? '' : `?${event.rawQueryString}`}`,
    path: event.rawPath,
    query: event.rawQueryString,
    headers: Object.fromEntries(headers),
    body: Buffer.from(event.body ?? '', event.isBase64Encoded ? 'base64' : 'utf8'),
    sourceIp: event.requestContext.http.sourceIp,
  };
}

function toResponse({ status, headers, body }: ReturnType<typeof answerOf>): APIGatewayProxyStructuredResultV2 {
  return { statusCode: status, headers: { ...headers }, body };
}
