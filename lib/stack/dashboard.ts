import { Duration } from 'aws-cdk-lib';
import { AlarmStatusWidget, Dashboard, GraphWidget, type IMetric, TextWidget } from 'aws-cdk-lib/aws-cloudwatch';
import { consoleUrl } from '../constructs/operator-alarms.ts';
import { type DashboardRow, dashboardRows, type WatchedParts } from './dashboard-rows.ts';
import type { EngineBuilder } from './engine-builder.ts';

/** CloudWatch's grid. */
const columns = 24;
const rowHeight = 6;
const linksWidth = 4;

/**
 * One page that answers "how does it do": the alarms, then the way of an event from left to right and top to bottom.
 *
 * Declared with CloudWatch's own constructs: those of cdk-monitoring-constructs draw five graphs for each function and
 * queue, and bring alarms of their own.
 */
export function createDashboard(builder: EngineBuilder, parts: Pick<WatchedParts, 'httpApi' | 'storage'>): void {
  const { scope, config, alarms } = builder;
  if (!config.dashboard) return;
  const dashboard = new Dashboard(scope, 'Dashboard', {
    defaultInterval: Duration.hours(12),
  });
  dashboard.addWidgets(
    new AlarmStatusWidget({ title: 'Alarms', alarms: [...alarms.declared], width: columns, height: rowHeight }),
  );
  for (const row of dashboardRows(builder, {
    ...parts,
    functions: [...builder.functions.values()],
    queues: [...builder.queues.values()],
  }))
    dashboard.addWidgets(
      new TextWidget({ markdown: linksOf(scope, row, config.runbookUrl), width: linksWidth, height: rowHeight }),
      ...row.graphs.map(
        ({ title, metrics, unit }) =>
          new GraphWidget({
            title,
            left: metrics as IMetric[],
            leftYAxis: { min: 0, ...(unit === undefined ? {} : { label: unit, showUnits: false }) },
            width: Math.floor((columns - linksWidth) / row.graphs.length),
            height: rowHeight,
          }),
      ),
    );
}

/** What the row shows, with links to the console and to the entries of the runbook. */
function linksOf(scope: EngineBuilder['scope'], row: DashboardRow, runbookUrl: string | undefined): string {
  const pages = Object.entries(row.console).map(([name, path]) => `[${name}](${consoleUrl(scope, path)})`);
  // A path of the repository leads nowhere from the console.
  const entries = row.entries.map((entry) => (runbookUrl === undefined ? entry : `[${entry}](${runbookUrl}#${entry})`));
  const runbook = runbookUrl === undefined ? 'docs/operate/runbook.md' : `[Runbook](${runbookUrl})`;
  return [`## ${row.title}`, pages.join(' · '), `${runbook}: ${entries.join(', ')}`].join('\n\n');
}
