#!/usr/bin/env node
/** The CDK app: `npx cdk synth -c stage=dev|staging|prod` (and `local`, which `npm start` runs). */
import { App } from 'aws-cdk-lib';
import { ConfigurationError, loadConfig } from '../lib/config.ts';
import { assertDownMappings } from '../lib/definitions/try-down-mappings.ts';
import { TributaryStack } from '../lib/tributary-stack.ts';

const app = new App();
try {
  await assertDownMappings(new URL('../integrations/', import.meta.url));
  const config = loadConfig((key) => app.node.tryGetContext(key));
  new TributaryStack(app, `Tributary-${config.stage}`, { config });
} catch (error) {
  if (!(error instanceof ConfigurationError)) throw error;
  console.error(error.message);
  process.exit(1);
}
