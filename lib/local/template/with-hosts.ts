import { environmentKeys } from '../../../lambdas/contracts/environment.ts';
import { readHosts } from '../../../lambdas/contracts/read-hosts.ts';
import type { StackModel } from './stack-model.ts';

/**
 * The model whose functions call stand-ins of providers.
 *
 * @throws {configuration-invalid} for a text that is not `<origin>=<origin>`.
 */
export function withHosts(model: StackModel, hosts: readonly string[]): StackModel {
  const text = hosts.join(',');
  readHosts(text);
  return {
    ...model,
    functions: model.functions.map((one) =>
      environmentKeys.providerHosts in one.environment
        ? { ...one, environment: { ...one.environment, [environmentKeys.providerHosts]: text } }
        : one,
    ),
  };
}
