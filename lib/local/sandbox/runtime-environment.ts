import type { FunctionModel } from '../template/function-model.ts';
import type { LocalEndpoints } from '../template/resource-type.ts';
import { localRegion } from '../template/resource-type.ts';

/** Credentials of the runner itself, to which the emulators allow everything. They check no signature. */
export const localCredentials = { accessKeyId: 'local', secretAccessKey: 'local', sessionToken: 'local' } as const;

/**
 * The complete environment of a function: the template's variables, Lambda's own, and the endpoints of the emulators
 * for the SDK. Nothing of this process's environment.
 *
 * @see https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
 */
export function runtimeEnvironment(
  model: FunctionModel,
  endpoints: Omit<LocalEndpoints, 'http' | 'functionUrl'>,
  logStreamName: string,
): Record<string, string> {
  return {
    ...model.environment,
    AWS_ACCESS_KEY_ID: model.caller.accessKeyId,
    AWS_DEFAULT_REGION: localRegion,
    AWS_ENDPOINT_URL_DYNAMODB: endpoints.dynamodb,
    AWS_ENDPOINT_URL_EVENTBRIDGE: endpoints.eventbridge,
    AWS_ENDPOINT_URL_KINESIS: endpoints.kinesis,
    AWS_ENDPOINT_URL_KMS: endpoints.kms,
    AWS_ENDPOINT_URL_S3: endpoints.s3,
    AWS_ENDPOINT_URL_SQS: endpoints.sqs,
    AWS_ENDPOINT_URL_STS: endpoints.sts,
    AWS_EXECUTION_ENV: 'AWS_Lambda_nodejs24.x',
    AWS_LAMBDA_FUNCTION_MEMORY_SIZE: String(model.memorySizeMb),
    AWS_LAMBDA_FUNCTION_NAME: model.name,
    AWS_LAMBDA_FUNCTION_VERSION: '$LATEST',
    AWS_LAMBDA_INITIALIZATION_TYPE: 'on-demand',
    AWS_LAMBDA_LOG_GROUP_NAME: logGroupName(model),
    AWS_LAMBDA_LOG_STREAM_NAME: logStreamName,
    AWS_REGION: localRegion,
    AWS_SECRET_ACCESS_KEY: localCredentials.secretAccessKey,
    AWS_SESSION_TOKEN: localCredentials.sessionToken,
    LAMBDA_RUNTIME_DIR: '/var/runtime',
    LAMBDA_TASK_ROOT: model.codeFolder,
    LANG: 'en_US.UTF-8',
    PATH: '/usr/local/bin:/usr/bin:/bin',
    TZ: ':UTC',
    _HANDLER: model.handler,
  };
}

export function logGroupName({ name }: FunctionModel): string {
  return `/aws/lambda/${name}`;
}
