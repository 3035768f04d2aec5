import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { App } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { HttpApi, HttpMethod, HttpNoneAuthorizer, HttpRoute, HttpRouteKey } from 'aws-cdk-lib/aws-apigatewayv2';
import { HttpUrlIntegration } from 'aws-cdk-lib/aws-apigatewayv2-integrations';
import { ConfigurationError, Tributary } from 'tributary';
import { OrdersStack } from '../lib/orders-stack.ts';

const app = new App();
const stack = new OrdersStack(app, 'Orders');
const assembly = app.synth();
const template = Template.fromJSON(assembly.getStackByName('Orders').template);

/** Logical ids of the resources of a type. */
const idsOf = (type: string) => Object.keys(template.findResources(type));

test('the engine has its tables, queues and functions under the construct', () => {
  assert.equal(idsOf('AWS::DynamoDB::Table').length, 18);
  for (const id of idsOf('AWS::SQS::Queue')) assert.match(id, /^Tributary/);
  assert.ok(idsOf('AWS::Lambda::Function').some((id) => id.startsWith('TributaryIngress')));
});

test('it answers under the API of the app, beside its own routes, with its own throttles', () => {
  assert.deepEqual(idsOf('AWS::ApiGatewayV2::Api'), [stack.getLogicalId(find(HttpApi))]);
  const routes = Object.values(template.findResources('AWS::ApiGatewayV2::Route')).map(
    ({ Properties }) => Properties.RouteKey as string,
  );
  for (const route of ['GET /orders', 'ANY /in/{integration}/{account}', 'ANY /v1/{proxy+}', 'GET /console'])
    assert.ok(routes.includes(route), route);
  const [stage] = Object.values(template.findResources('AWS::ApiGatewayV2::Stage'));
  assert.deepEqual(stage?.['Properties'].RouteSettings['ANY /v1/{proxy+}'], {
    ThrottlingRateLimit: 500,
    ThrottlingBurstLimit: 1000,
  });
});

test('every alarm calls the people of the app', () => {
  const topics = idsOf('AWS::SNS::Topic');
  assert.equal(topics.length, 1);
  for (const [id, { Properties }] of Object.entries(template.findResources('AWS::CloudWatch::Alarm')))
    assert.deepEqual(Properties.AlarmActions, [{ Ref: topics[0] }], id);
});

test('functions that call out run in the network of the app, once it has its routes', () => {
  const deliver = Object.entries(template.findResources('AWS::Lambda::Function')).find(([id]) =>
    id.startsWith('TributaryDeliverFunction'),
  )?.[1];
  assert.equal(deliver?.['Properties'].VpcConfig.SubnetIds.length, 2);
  assert.match(JSON.stringify(deliver?.['Properties'].VpcConfig.SecurityGroupIds), /TributaryEgress/);
  assert.match(JSON.stringify(deliver?.['DependsOn']), /NetworkprivateSubnet1DefaultRoute/);
});

test('functions know the definitions of the app, and those that are shipped', () => {
  const ingress = readdirSync(assembly.directory).find((name) => {
    const known = name.startsWith('asset.') ? readdirSync(join(assembly.directory, name)) : [];
    return known.includes('integrations');
  });
  const integrations = readdirSync(join(assembly.directory, ingress ?? '', 'integrations'));
  assert.ok(integrations.includes('orders-erp.json') && integrations.includes('github.json'));
  const definition = readFileSync(join(assembly.directory, ingress ?? '', 'integrations', 'orders-erp.json'), 'utf8');
  assert.equal((JSON.parse(definition) as { name: string }).name, 'orders-erp');
});

test('fails when a setting is wrong, and says what is expected', () => {
  assert.throws(
    () =>
      new Tributary(new OrdersStack(new App(), 'Wrong'), 'Second', { stage: 'dev', settings: { retentionDays: 0 } }),
    (error) =>
      error instanceof ConfigurationError && /retentionDays: got 0, expected a whole number/.test(error.message),
  );
});

test('fails when the app has a route that the engine needs', () => {
  const other = new App();
  const taken = new OrdersStack(other, 'Taken');
  const httpApi = taken.node.findChild('Api') as HttpApi;
  new HttpRoute(taken, 'Mine', {
    httpApi,
    routeKey: HttpRouteKey.with('/healthz', HttpMethod.GET),
    integration: new HttpUrlIntegration('Mine', 'https://example.com'),
    authorizer: new HttpNoneAuthorizer(),
  });
  assert.throws(() => other.synth(), /Taken\/Mine.*: the engine needs the route GET \/healthz/);
});

/** The first construct of a class in the stack. */
function find(kind: typeof HttpApi) {
  const found = stack.node.findAll().find((one) => one instanceof kind);
  return found?.node.defaultChild as Parameters<OrdersStack['getLogicalId']>[0];
}
