/** What another CDK app uses of Tributary. Everything else may change in any version. */
export { ConfigurationError, type DeployedStage, type TributarySettings } from './config.ts';
export { Tributary, type TributaryProps } from './tributary.ts';
