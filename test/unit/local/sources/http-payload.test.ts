import { describe, expect, test } from 'vitest';
import { type ReceivedRequest, toProxyEvent } from '../../../../lib/local/sources/http-payload.ts';
import { toGatewayResponse } from '../../../../lib/local/sources/http-response.ts';

const routing = {
  routeKey: 'POST /in/{integration}',
  pathParameters: { integration: 'github' },
  apiId: 'abc',
  port: 8787,
  nowMs: Date.UTC(2026, 10, 21, 12, 0, 0, 5),
};

const request = (changes: Partial<ReceivedRequest> = {}): ReceivedRequest => ({
  method: 'POST',
  target: '/in/github?a=1&b=%20x&a=2',
  httpVersion: '1.1',
  rawHeaders: ['Host', 'localhost:8787', 'X-Two', '1', 'x-two', '2', 'Cookie', 'a=b; c=d', 'Connection', 'close'],
  sourceIp: '127.0.0.1',
  body: Buffer.alloc(0),
  ...changes,
});

test('builds payload format 2.0', () => {
  const event = toProxyEvent(request(), routing);
  expect(event).toMatchObject({
    version: '2.0',
    routeKey: 'POST /in/{integration}',
    rawPath: '/in/github',
    rawQueryString: 'a=1&b=%20x&a=2',
    cookies: ['a=b', 'c=d'],
    queryStringParameters: { a: '1,2', b: ' x' },
    pathParameters: { integration: 'github' },
    requestContext: {
      accountId: '000000000000',
      apiId: 'abc',
      domainName: 'localhost:8787',
      http: { method: 'POST', path: '/in/github', protocol: 'HTTP/1.1', sourceIp: '127.0.0.1', userAgent: '' },
      routeKey: 'POST /in/{integration}',
      stage: '$default',
      time: '21/Nov/2026:12:00:00 +0000',
      timeEpoch: routing.nowMs,
    },
    isBase64Encoded: false,
  });
  expect(event.headers).toMatchObject({ host: 'localhost:8787', 'x-two': '1,2', 'x-forwarded-proto': 'http' });
  expect(event.headers).not.toHaveProperty('connection');
  expect(event.headers).not.toHaveProperty('cookie');
  expect(event).not.toHaveProperty('body');
});

test('omits parts that a plain request does not have, and decodes the path', () => {
  const event = toProxyEvent(request({ method: 'GET', target: '/a%20b', rawHeaders: [] }), {
    ...routing,
    pathParameters: undefined,
  });
  expect(event.rawPath).toBe('/a b');
  expect(event.rawQueryString).toBe('');
  for (const key of ['cookies', 'queryStringParameters', 'pathParameters', 'body'])
    expect(event).not.toHaveProperty(key);
});

const json = '{"a":"é"}';
test.each([
  ['application/json', json, json, false],
  ['application/json; charset=utf-8', json, json, false],
  ['Text/Plain', 'x', 'x', false],
  ['application/xml', '<a/>', '<a/>', false],
  ['application/octet-stream', 'x', 'eA==', true],
  ['application/x-www-form-urlencoded', 'x', 'eA==', true],
  [undefined, 'x', 'eA==', true],
])('passes a body of %s', (contentType, sent, body, isBase64Encoded) => {
  const rawHeaders = contentType === undefined ? [] : ['Content-Type', contentType];
  expect(toProxyEvent(request({ rawHeaders, body: Buffer.from(sent) }), routing)).toMatchObject({
    body,
    isBase64Encoded,
  });
});

test('passes bytes that are not UTF-8 as base64, whatever their type says', () => {
  const body = Buffer.from([0x7b, 0xff, 0x7d]);
  const event = toProxyEvent(request({ rawHeaders: ['content-type', 'application/json'], body }), routing);
  expect(event).toMatchObject({ body: body.toString('base64'), isBase64Encoded: true });
});

describe('the response', () => {
  const make = (result: unknown) => {
    const response = toGatewayResponse(JSON.stringify(result));
    return response && { ...response, headers: Object.fromEntries(response.headers), body: response.body.toString() };
  };

  test.each([
    [
      'a whole response',
      {
        statusCode: 201,
        headers: { 'X-A': 1, 'Content-Type': 'a/b', 'Content-Length': 9 },
        cookies: ['c=d'],
        body: 'x',
      },
      { statusCode: 201, headers: { 'x-a': '1', 'content-type': 'a/b', 'set-cookie': ['c=d'] }, body: 'x' },
    ],
    [
      'base64',
      { statusCode: 200, body: 'eA==', isBase64Encoded: true },
      { statusCode: 200, headers: { 'content-type': 'text/plain;charset=UTF-8' }, body: 'x' },
    ],
    ['text', 'hi', { statusCode: 200, headers: { 'content-type': 'application/json' }, body: 'hi' }],
    ['an object', { a: 1 }, { statusCode: 200, headers: { 'content-type': 'application/json' }, body: '{"a":1}' }],
  ])('of %s', (_name, result, expected) => {
    expect(make(result)).toEqual(expected);
  });

  test.each([
    { statusCode: 'x' },
    { statusCode: 99 },
    { statusCode: 200, headers: [] },
    { statusCode: 200, cookies: 'a' },
  ])('fails when the result is %j', (result) => {
    expect(make(result)).toBeUndefined();
  });
});
