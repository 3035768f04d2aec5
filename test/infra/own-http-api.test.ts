import { App, Stack } from 'aws-cdk-lib';
import { HttpApi } from 'aws-cdk-lib/aws-apigatewayv2';
import { describe, expect, test } from 'vitest';
import { ConfigurationError, type TributarySettings } from '../../lib/config.ts';
import { Tributary } from '../../lib/tributary.ts';

/** The faults of settings in an app that gives its own HTTP API. */
function faultsBeside(settings: TributarySettings): readonly string[] {
  const stack = new Stack(new App(), 'Own');
  const httpApi = new HttpApi(stack, 'Api');
  try {
    new Tributary(stack, 'Tributary', { stage: 'dev', settings, httpApi });
  } catch (error) {
    if (error instanceof ConfigurationError) return error.faults;
    throw error;
  }
  return [];
}

const domain = {
  domainName: 'api.example.com',
  certificateArn: 'arn:aws:acm:eu-west-1:123456789012:certificate/0a1b2c3d-1111-2222-3333-444455556666',
};
const closed =
  'executeApiEndpoint: got "closed", expected open beside httpApi: close the endpoint of your own API (disableExecuteApiEndpoint)';
const dualstack =
  'ipAddressType: got "dualstack", expected ipv4 beside httpApi without domainName: set it on your own API';

describe('an HTTP API of the app', () => {
  test.each<[TributarySettings, readonly string[]]>([
    [{ ...domain, executeApiEndpoint: 'closed' }, [closed]],
    [{ ipAddressType: 'dualstack' }, [dualstack]],
  ])('fails with settings that would not reach it: %j', (settings, faults) => {
    expect(faultsBeside(settings)).toEqual(faults);
  });

  test('has domain names whose addresses the settings choose', () => {
    expect(faultsBeside({ ...domain, ipAddressType: 'dualstack' })).toEqual([]);
  });
});
