/** The answer to the caller. */
export interface GatewayResponse {
  readonly statusCode: number;
  readonly headers: readonly (readonly [name: string, value: string | string[]])[];
  readonly body: Buffer;
}

const framingHeaders = new Set(['connection', 'content-length', 'keep-alive', 'transfer-encoding', 'upgrade']);

/**
 * Convert a function's result to an HTTP response, payload format 2.0: a complete response if it has a `statusCode`,
 * otherwise the result itself as JSON.
 *
 * @param payload - The function's result as JSON.
 * @returns undefined when the result is not a valid response; the caller then gets an internal error.
 */
export function toGatewayResponse(payload: string): GatewayResponse | undefined {
  const result: unknown = JSON.parse(payload);
  if (result === null || typeof result !== 'object' || !Object.hasOwn(result, 'statusCode')) {
    const body = Buffer.from(typeof result === 'string' ? result : payload);
    return { statusCode: 200, headers: [['content-type', 'application/json']], body };
  }
  const { statusCode, headers, cookies, body, isBase64Encoded } = result as Record<string, unknown>;
  const status = Number(statusCode);
  if (!Number.isInteger(status) || status < 200 || status > 599) return undefined;
  if (headers !== undefined && headers !== null && (typeof headers !== 'object' || Array.isArray(headers)))
    return undefined;
  if (cookies !== undefined && cookies !== null && !Array.isArray(cookies)) return undefined;

  const sent: [string, string | string[]][] = Object.entries(headers ?? {})
    .map(([name, value]): [string, string] => [name.toLowerCase(), String(value)])
    .filter(([name]) => !framingHeaders.has(name));
  if (Array.isArray(cookies) && cookies.length > 0) sent.push(['set-cookie', cookies.map(String)]);
  if (!sent.some(([name]) => name === 'content-type')) sent.push(['content-type', 'text/plain;charset=UTF-8']);
  const text = body === undefined || body === null ? '' : typeof body === 'string' ? body : JSON.stringify(body);
  return { statusCode: status, headers: sent, body: Buffer.from(text, isBase64Encoded === true ? 'base64' : 'utf8') };
}

/**
 * An answer of the gateway itself, as an RFC 9457 problem. API Gateway answers `{"message": …}`; here every answer of
 * the system has the same shape.
 *
 * @param detail - What is wrong with this request, and what would be right.
 */
export function toProblem(statusCode: number, title: string, detail: string): GatewayResponse {
  return {
    statusCode,
    headers: [['content-type', 'application/problem+json']],
    body: Buffer.from(JSON.stringify({ type: 'about:blank', title, status: statusCode, detail })),
  };
}
