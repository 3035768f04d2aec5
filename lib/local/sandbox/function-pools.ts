import { LocalEngineError } from '../errors.ts';
import type { AwsMetrics } from '../metrics/aws-metrics.ts';
import type { StackModel } from '../template/stack-model.ts';
import { createFunctionPool, type FunctionPool } from './function-pool.ts';
import type { MachineLoad } from './machine-load.ts';
import type { SandboxOptions } from './sandbox.ts';

const defaultSandboxLimit = 16;

/** The sandboxes of each function. */
export function createPools(
  {
    maxSandboxesPerFunction = defaultSandboxLimit,
    machineLoad,
    awsMetrics,
  }: {
    readonly maxSandboxesPerFunction?: number;
    readonly machineLoad: MachineLoad;
    readonly awsMetrics: AwsMetrics;
  },
  { functions }: StackModel,
  sandboxOptions: Omit<SandboxOptions, 'model'>,
): FunctionPool[] {
  return functions.map((model) =>
    createFunctionPool({ model, ...sandboxOptions }, maxSandboxesPerFunction, machineLoad, {
      began: (running) => awsMetrics.invocationBegan(model.name, running),
      ended: (hasFailed, durationMs) => awsMetrics.invocationEnded(model.name, hasFailed, durationMs),
    }),
  );
}

/** Start one sandbox for each function, to report bundles that cannot load before the first event. */
export async function prewarm(pools: readonly FunctionPool[]): Promise<void> {
  const errors = await Promise.all(pools.map((pool) => pool.prewarm()));
  const faults = errors.flatMap((error, index) =>
    error === undefined ? [] : `- ${pools[index]?.model.label}: ${error.errorType}: ${error.errorMessage}`,
  );
  if (faults.length === 0) return;
  throw new LocalEngineError('function-init-failed', `Bundles that cannot be loaded:\n${faults.join('\n')}`);
}

export function findPool(pools: readonly FunctionPool[], name: string): FunctionPool {
  const found = pools.filter(({ model }) => [model.label, model.logicalId, model.name].includes(name));
  if (found.length === 1) return found[0] as FunctionPool;
  const known = pools.map(({ model }) => model.label).join(', ');
  throw new LocalEngineError('unknown-function', `No one function is named ${name}; there are: ${known}.`);
}
