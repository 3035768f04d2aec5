import { describe, expect, test } from 'vitest';
import { type SynthesizedStage, synthesize } from '../synthesized-stage.ts';

/** The body of the dashboard, with the tokens in it as text. */
function bodyOf({ resources }: SynthesizedStage) {
  const [dashboard, ...others] = Object.values(resources).filter(({ Type }) => Type === 'AWS::CloudWatch::Dashboard');
  expect(others).toEqual([]);
  const parts: readonly unknown[] | undefined = dashboard?.Properties['DashboardBody']['Fn::Join'][1];
  return parts === undefined
    ? undefined
    : JSON.parse(
        parts
          .map((part) =>
            typeof part === 'string'
              ? part
              : Object.values(part as object)
                  .flat()
                  .join('.'),
          )
          .join(''),
      );
}

describe('the dashboard', () => {
  const staging = synthesize('staging', { runbookUrl: 'https://wiki.example.com/runbook' });
  const { widgets } = bodyOf(staging);
  const texts: readonly string[] = widgets.flatMap((one: { properties: { markdown?: string } }) =>
    one.properties.markdown === undefined ? [] : [one.properties.markdown],
  );

  test('is there in prod and staging, and elsewhere where a deployer wants it', () => {
    expect(bodyOf(synthesize('dev'))).toBeUndefined();
    expect(bodyOf(synthesize('dev', { dashboard: 'true' }))).toBeDefined();
    expect(bodyOf(synthesize('prod', { tributary: { dashboard: false } }))).toBeUndefined();
  });

  test('shows every alarm', () => {
    const alarms = Object.entries(staging.resources).filter(([, { Type }]) => Type === 'AWS::CloudWatch::Alarm');
    expect(widgets[0].properties.alarms.toSorted()).toEqual(alarms.map(([id]) => `${id}.Arn`).sort());
  });

  test('links each row to the console and to entries of the runbook, which alarms link to, too', () => {
    const entries = Object.values(staging.resources).flatMap(
      ({ Properties }) => JSON.stringify(Properties?.['AlarmDescription'] ?? '').match(/(?<=runbook#)[\w-]+/g) ?? [],
    );
    expect(texts.length).toBeGreaterThan(5);
    for (const text of texts) {
      expect(text).toMatch(/\(https:\/\/AWS::Region\.console\.aws\.amazon\.com\/[\w/]+\?region=AWS::Region/);
      const linked = [...text.matchAll(/\(https:\/\/wiki\.example\.com\/runbook#([\w-]+)\)/g)].map(
        ([, entry]) => entry,
      );
      expect(linked.length, text).toBeGreaterThan(0);
      for (const entry of linked) expect(entries).toContain(entry);
    }
  });

  test('never links to a path that only the repository has', () => {
    const rows = JSON.stringify(bodyOf(synthesize('prod')).widgets);
    expect(rows).toContain('docs/operate/runbook.md');
    expect(rows).not.toContain('](docs/');
  });
});
