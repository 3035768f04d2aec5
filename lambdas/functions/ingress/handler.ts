import type { Logger } from '@aws-lambda-powertools/logger';
import type { APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2 } from 'aws-lambda';
import { limits } from '../../contracts/limits.ts';
import type { IngressOutcome } from '../../contracts/outcomes.ts';
import type { WebhookRequest } from '../../engine/verification/webhook-request.ts';
import { type Receipt, type ReceivePorts, receiveProviderRequest } from '../../flows/receive-webhook.ts';
import type { OutcomeCounter } from '../../ports/outcome-counter.ts';
import { problemResponse } from '../problem-details.ts';

export interface IngressRuntime {
  readonly ports: ReceivePorts;
  readonly log: Logger;
  readonly outcomes: OutcomeCounter<IngressOutcome>;
}

/** One request of a provider; 2xx only after it is durable. */
export function createIngressHandler({ ports, log, outcomes }: IngressRuntime) {
  return async (event: APIGatewayProxyEventV2): Promise<APIGatewayProxyStructuredResultV2> => {
    const { integration = '', account = '' } = event.pathParameters ?? {};
    const receipt = isIdentifier(account)
      ? await receiveProviderRequest(ports, { integration, account }, toWebhookRequest(event))
      : { kind: 'unknown' as const };
    const outcome = receipt.kind === 'accepted' || receipt.kind === 'handshake' ? receipt.kind : 'rejected';
    outcomes.count(outcome);
    log.info('request received', {
      integration,
      account,
      outcome: receipt.kind,
      ...(receipt.kind === 'rejected' ? { reason: receipt.reason } : {}),
      ...(receipt.kind === 'accepted' ? { rawId: receipt.rawId } : {}),
    });
    return toResponse(receipt);
  };
}

/** What an account's id may look like; anything else is not worth asking for. */
function isIdentifier(text: string): boolean {
  return /^[A-Za-z0-9][\w-]{0,127}$/.test(text);
}

function toWebhookRequest(event: APIGatewayProxyEventV2): WebhookRequest {
  const headers = Object.entries(event.headers).flatMap(([name, value]) =>
    value === undefined ? [] : [[name.toLowerCase(), value] as const],
  );
  return {
    method: event.requestContext.http.method,
    path: event.rawPath,
    query: event.rawQueryString,
    headers: Object.fromEntries(headers),
    body: Buffer.from(event.body ?? '', event.isBase64Encoded ? 'base64' : 'utf8'),
  };
}

function toResponse(receipt: Receipt): APIGatewayProxyStructuredResultV2 {
  switch (receipt.kind) {
    case 'accepted':
      return { statusCode: 200, headers: { 'tributary-request-id': receipt.rawId }, body: '' };
    case 'handshake':
      return {
        statusCode: receipt.response.status,
        headers: { ...receipt.response.headers },
        body: receipt.response.body,
      };
    case 'unknown':
      return problemResponse({ status: 404, detail: 'There is no such integration, or no such account of it.' });
    case 'method-not-allowed':
      return problemResponse({ status: 405, detail: 'Webhooks are sent with POST.', headers: { allow: 'POST' } });
    case 'too-large':
      return problemResponse({ status: 413, detail: `A body may have at most ${limits.maxBodyBytes} bytes.` });
    case 'malformed':
      return problemResponse({
        status: 400,
        detail: `The body cannot be read: expected ${receipt.expected}.`,
        extensions: { reason: 'body-malformed' },
      });
    case 'rejected':
      return problemResponse({
        status: 401,
        detail: rejectionDetail(receipt.reason, receipt.detail),
        extensions: { reason: receipt.reason },
      });
  }
}

function rejectionDetail(reason: string, detail: string | undefined): string {
  return `The request was not verified: ${reason}${detail === undefined ? '' : ` (${detail})`}.`;
}
