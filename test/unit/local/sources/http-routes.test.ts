import { expect, test } from 'vitest';
import { createRouter } from '../../../../lib/local/sources/http-routes.ts';

const keys = [
  '$default',
  'ANY /{proxy+}',
  'GET /pets/{proxy+}',
  'GET /pets/dog/{id}',
  'GET /pets/dog/1',
  'ANY /in/{integration}',
  'POST /in/{integration}/{account}',
  'ANY /in/{integration}/{account}',
  'GET /a/{x}/c',
  'GET /a/b/{y}',
  'GET /',
];
const router = createRouter(keys.map((routeKey) => ({ routeKey, target: routeKey })));
const withoutDefault = createRouter([{ routeKey: 'GET /x', target: 1 }]);

test.each([
  ['GET', '/pets/dog/1', 'GET /pets/dog/1', undefined],
  ['GET', '/pets/dog/2', 'GET /pets/dog/{id}', { id: '2' }],
  ['GET', '/pets/cat/1', 'GET /pets/{proxy+}', { proxy: 'cat/1' }],
  ['POST', '/pets/dog/1', 'ANY /{proxy+}', { proxy: 'pets/dog/1' }],
  ['GET', '/', 'GET /', undefined],
  ['POST', '/', '$default', undefined],
  ['POST', '/in/github', 'ANY /in/{integration}', { integration: 'github' }],
  ['POST', '/in/github/acc_1', 'POST /in/{integration}/{account}', { integration: 'github', account: 'acc_1' }],
  ['GET', '/in/github/acc_1', 'ANY /in/{integration}/{account}', { integration: 'github', account: 'acc_1' }],
  ['GET', '/in/github/', 'ANY /{proxy+}', { proxy: 'in/github/' }],
  ['GET', '/in/a%2Fb%20c', 'ANY /in/{integration}', { integration: 'a/b c' }],
  ['GET', '/in/%ff', 'ANY /in/{integration}', { integration: '%ff' }],
  ['GET', '/a/b/c', 'GET /a/b/{y}', { y: 'c' }],
])('%s %s takes %s', (method, path, routeKey, pathParameters) => {
  expect(router.match(method, path)).toEqual({ routeKey, target: routeKey, pathParameters });
});

test('finds nothing without $default', () => {
  expect(withoutDefault.match('GET', '/y')).toBeUndefined();
  expect(withoutDefault.match('POST', '/x')).toBeUndefined();
});

test.each(['GET x', '/x', 'GET /{a+}/b'])('fails when the route key is %s', (routeKey) => {
  expect(() => createRouter([{ routeKey, target: 1 }])).toThrow(RangeError);
});
