#!/usr/bin/env node
/** The CDK app: `npx cdk synth -c stage=dev|staging|prod`. `npm start` runs it for `local`, without the CDK command line. */
import { App } from 'aws-cdk-lib';
import { CLI_VERSION_ENV } from 'aws-cdk-lib/cx-api';
import { ConfigurationError, loadConfig } from '../lib/config.ts';
import { assertDownMappings } from '../lib/definitions/try-down-mappings.ts';
import { readSettingsFile } from '../lib/settings/settings-file.ts';
import { TributaryStack } from '../lib/tributary-stack.ts';

const app = new App();
try {
  await assertDownMappings(new URL('../integrations/', import.meta.url));
  const config = loadConfig((key) => app.node.tryGetContext(key), {
    file: readSettingsFile(new URL('../', import.meta.url)),
    mayBeDeployed: process.env[CLI_VERSION_ENV] !== undefined,
  });
  new TributaryStack(app, `Tributary-${config.stage}`, { config });
} catch (error) {
  if (!(error instanceof ConfigurationError)) throw error;
  console.error(error.message);
  process.exit(1);
}
