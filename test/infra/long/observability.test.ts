import { describe, expect, test } from 'vitest';
import { environmentKeys } from '../../../lambdas/contracts/environment.ts';
import { ConfigurationError, loadConfig } from '../../../lib/config.ts';
import { type SynthesizedStage, synthesize } from '../synthesized-stage.ts';

const usual = synthesize('prod');
const observed = synthesize('prod', {
  tributary: {
    tracing: 'active',
    otlpEndpoint: 'https://otlp.example.com/v1/traces',
    otlpHeadersParameter: '/tributary/otlp-headers',
    traceSampleRatio: '0.1',
    logLevel: 'warn',
    logSampleRatio: '0.5',
  },
});
const exporting = ['Normalize', 'Enrich', 'Poll', 'Deliver', 'Drain'];

function functionsOf({ resources }: SynthesizedStage) {
  return Object.entries(resources).filter(
    ([, { Type, Properties }]) => Type === 'AWS::Lambda::Function' && 'Environment' in Properties,
  );
}

/** Ids of the policies that allow an action. */
function allowing({ resources }: SynthesizedStage, action: string): readonly string[] {
  return Object.entries(resources)
    .filter(([, { Type, Properties }]) => {
      if (Type !== 'AWS::IAM::Policy') return false;
      const statements: readonly { readonly Action: string | readonly string[] }[] =
        Properties['PolicyDocument'].Statement;
      return statements.some(({ Action }) => [Action].flat().includes(action));
    })
    .map(([id]) => id);
}

describe('X-Ray', () => {
  test('traces no function, and no role may write to it, unless it is set', () => {
    for (const [id, { Properties }] of functionsOf(usual)) expect(Properties, id).not.toHaveProperty('TracingConfig');
    expect(allowing(usual, 'xray:PutTraceSegments')).toEqual([]);
  });

  test('traces every function if it is set, and cdk-nag passes', () => {
    const functions = functionsOf(observed);
    expect(functions.length).toBeGreaterThan(8);
    for (const [id, { Properties }] of functions) expect(Properties['TracingConfig'], id).toEqual({ Mode: 'Active' });
    expect(allowing(observed, 'xray:PutTraceSegments')).toHaveLength(functions.length);
    expect(observed.findings).toEqual([]);
    expect(observed.messages).toEqual([]);
  });
});

describe('OpenTelemetry', () => {
  test('no function knows a collector unless it is set', () => {
    const endpoints = functionsOf(usual).map(
      ([, { Properties }]) => Properties['Environment'].Variables[environmentKeys.otlpEndpoint],
    );
    expect(new Set(endpoints)).toEqual(new Set([undefined, '']));
    expect(allowing(usual, 'ssm:GetParameter')).toEqual([]);
  });

  test('only functions that export spans know the collector, and may read its headers', () => {
    const knowing = functionsOf(observed).filter(
      ([, { Properties }]) => Properties['Environment'].Variables[environmentKeys.otlpEndpoint] !== undefined,
    );
    expect(knowing).toHaveLength(exporting.length);
    const reading = allowing(observed, 'ssm:GetParameter');
    expect(reading).toHaveLength(exporting.length);
    for (const name of exporting)
      expect(
        reading.some((id) => id.startsWith(name)),
        name,
      ).toBe(true);
    // The name of the parameter is in the template, and never its value.
    expect(JSON.stringify(observed.resources)).toContain(':parameter/tributary/otlp-headers');
  });
});

test('ratios and the log level reach the functions', () => {
  const deliver = functionsOf(observed).find(([id]) => id.startsWith('DeliverFunction'))?.[1];
  expect(deliver?.Properties['Environment'].Variables).toMatchObject({
    [environmentKeys.traceSampleRatio]: '0.1',
    [environmentKeys.logLevel]: 'warn',
    [environmentKeys.logSampleRatio]: '0.5',
  });
});

test.each([
  ['tracing', 'on', 'one of off, active'],
  ['logLevel', 'debug', 'one of info, warn, error'],
  ['logSampleRatio', 1.5, 'a number from 0 to 1'],
  ['traceSampleRatio', '-1', 'a number from 0 to 1'],
  ['otlpEndpoint', 'otlp.example.com', 'a URL with the scheme https or http'],
  ['otlpHeadersParameter', 'no slash', 'the name of an SSM parameter that begins with a slash'],
])('fails when %s is %j', (name, value, expected) => {
  const load = () => loadConfig((key) => (key === name ? value : undefined));
  expect(load).toThrow(ConfigurationError);
  expect(load).toThrow(`${name}: got ${JSON.stringify(value)}, expected ${expected}`);
});
