import type { APIGatewayProxyStructuredResultV2, LambdaFunctionURLEvent } from 'aws-lambda';
import { type CanaryRun, canaryLatencyMetric } from '../../contracts/canary.ts';
import type { HeartbeatNote } from '../../contracts/outcomes.ts';
import { answerCanary, type CanaryAnswer } from '../../flows/canary/answer-canary.ts';
import type { CanaryPorts } from '../../flows/canary/canary-ports.ts';
import { type CanaryMemory, runCanary } from '../../flows/canary/run-canary.ts';
import type { Telemetry } from '../invocation/telemetry.ts';

export interface CanaryRuntime extends Pick<Telemetry, 'log' | 'metrics' | 'tell'> {
  readonly ports: CanaryPorts;
}

const note: HeartbeatNote = 'heartbeat-missing';

/** A run every five minutes; in between, the requests of the deployment that it watches. */
export function createCanaryHandler({ ports, log, metrics, tell }: CanaryRuntime) {
  const memory: CanaryMemory = {};
  return async (event: CanaryRun | LambdaFunctionURLEvent): Promise<APIGatewayProxyStructuredResultV2 | undefined> => {
    if ('requestContext' in event) return toResult(await answerCanary(ports, toRequest(event)));
    try {
      const outcome = await runCanary(ports, memory, event.url);
      if (outcome.kind === 'healthy') {
        metrics.addMetric(canaryLatencyMetric, 'Milliseconds', outcome.latencyMs);
        tell('canary healthy', { latency_ms: outcome.latencyMs });
      } else if (outcome.kind === 'failing') {
        metrics.addMetric(note, 'Count', 1);
        tell('canary failing', { faults: outcome.faults });
      }
    } catch (error) {
      // The next run is due in five minutes; the alarm counts the samples that are missing.
      metrics.addMetric(note, 'Count', 1);
      log.error('canary could not run', error as Error);
    }
    return undefined;
  };
}

function toRequest({ requestContext, rawPath, headers, body = '', isBase64Encoded }: LambdaFunctionURLEvent) {
  return {
    method: requestContext.http.method,
    path: rawPath,
    headers,
    body: isBase64Encoded ? Buffer.from(body, 'base64').toString('utf8') : body,
  };
}

function toResult({ status, body }: CanaryAnswer): APIGatewayProxyStructuredResultV2 {
  if (body === undefined) return { statusCode: status };
  return { statusCode: status, headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
}
