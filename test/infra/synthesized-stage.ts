import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { App } from 'aws-cdk-lib';
import { loadConfig, type Stage } from '../../lib/config.ts';
import { TributaryStack } from '../../lib/tributary-stack.ts';

export interface Resource {
  readonly Type: string;
  // JSON whose shape CloudFormation defines; tests read only the parts that they name.
  // oxlint-disable-next-line typescript/no-explicit-any
  readonly Properties: Record<string, any>;
  readonly DependsOn?: readonly string[];
  readonly DeletionPolicy?: string;
  // oxlint-disable-next-line typescript/no-explicit-any
  readonly UpdatePolicy?: Record<string, any>;
  readonly UpdateReplacePolicy?: string;
}

export interface SynthesizedStage {
  readonly resources: Readonly<Record<string, Resource>>;
  /** Rules that CloudFormation checks before it creates resources. */
  readonly rules: Readonly<Record<string, { readonly Assertions: readonly { readonly Assert: unknown }[] }>>;
  readonly outputs: Readonly<Record<string, { readonly Value: unknown }>>;
  readonly terminationProtection: boolean;
  /** Output of the CLI: warnings and errors of constructs. */
  readonly messages: readonly string[];
  /** Findings of cdk-nag and of CDK's own template validation. */
  readonly findings: readonly unknown[];
}

export const cdkContext: Record<string, unknown> = JSON.parse(
  readFileSync(new URL('../../cdk.json', import.meta.url), 'utf8'),
).context;

const known = new Map<string, SynthesizedStage>();

/**
 * Synthesize as `cdk synth -c stage=<stage>` does, with the feature flags of cdk.json. The same stage with the same
 * settings is synthesized once for all files: tests only read.
 *
 * @param change - Alters the stack before it is synthesized.
 * @throws Error when cdk-nag or CDK's own validation finds anything.
 */
export function synthesize(
  stage: Stage,
  settings: Readonly<Record<string, unknown>> = {},
  change?: (stack: TributaryStack) => void,
): SynthesizedStage {
  const key = JSON.stringify([stage, settings]);
  const synthesized = (change === undefined ? known.get(key) : undefined) ?? synthesizeAnew(stage, settings, change);
  if (change === undefined) known.set(key, synthesized);
  return synthesized;
}

/** Bundles need not be copied: no test reads them here. */
const withoutStaging = { 'aws:cdk:disable-asset-staging': true };

function synthesizeAnew(
  stage: Stage,
  settings: Readonly<Record<string, unknown>>,
  change: (stack: TributaryStack) => void = () => {},
): SynthesizedStage {
  const outdir = mkdtempSync(join(tmpdir(), 'tributary-synth-'));
  const context = { ...cdkContext, ...withoutStaging, ...settings, stage };
  const app = new App({ outdir, context, analyticsReporting: false });
  const config = loadConfig((key) => app.node.tryGetContext(key));
  const stack = new TributaryStack(app, `Tributary-${stage}`, { config });
  change(stack);
  try {
    const artifact = app.synth().getStackArtifact(stack.artifactId);
    const report = JSON.parse(readFileSync(join(outdir, 'validation-report.json'), 'utf8'));
    return {
      resources: artifact.template.Resources,
      rules: artifact.template.Rules ?? {},
      outputs: artifact.template.Outputs,
      terminationProtection: artifact.terminationProtection ?? false,
      messages: artifact.messages.map(({ level, entry }) => `${level}: ${JSON.stringify(entry.data)}`),
      findings: report.pluginReports,
    };
  } finally {
    rmSync(outdir, { recursive: true, force: true });
  }
}
