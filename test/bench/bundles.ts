import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type FunctionName, functionEnvironments } from '../../lambdas/contracts/environment.ts';
import { runtimeEnvironment } from '../../lib/local/sandbox/runtime-environment.ts';
import { readStackAssembly } from '../../lib/local/template/assembly.ts';
import { readStackModel } from '../../lib/local/template/stack-model.ts';
import { budgets } from './budgets.ts';
import { loadedCode } from './loaded-code.ts';
import { type Figure, figure, type Section, withinBudget } from './section.ts';
import { sharedAssembly } from './shared-assembly.ts';

/** Odd, so that there is a median. */
const starts = 5;
/** Nothing listens there: the measurement ends before the first call. */
const nowhere = 'http://127.0.0.1:9';

/** The code that each function loads before its first event, and how long a fresh process takes to load it. */
export const bundles: Section = {
  key: 'bundles',
  name: 'Bundles: what is loaded before the first event, minified, and how long that takes',
  async run() {
    const { assemblyDir, stackName } = await sharedAssembly();
    const endpoints = {
      dynamodb: nowhere,
      sqs: nowhere,
      s3: nowhere,
      eventbridge: nowhere,
      functionUrl: nowhere,
      kms: nowhere,
      kinesis: nowhere,
      sts: nowhere,
      http: nowhere,
    };
    const model = readStackModel(await readStackAssembly(assemblyDir, stackName), endpoints);
    const folder = await mkdtemp(join(tmpdir(), 'tributary-bench-'));
    try {
      const empty = join(folder, 'index.mjs');
      await writeFile(empty, 'export const handler = async () => {};\n');
      const figures: Figure[] = [figure('an empty function: initialization', await initializationMs(empty, {}), 'ms')];
      for (const name of Object.keys(functionEnvironments) as FunctionName[]) {
        const one = model.functions.find(({ label }) => label === name);
        // Not every stage has every function: the local one has no canary.
        if (one === undefined) continue;
        const size = figure(`${name}: code`, loadedCode(name).bytes, 'bytes');
        figures.push(name === 'ingress' ? withinBudget(size, budgets.ingressBundleBytes) : size);
        const environment = runtimeEnvironment(one, endpoints, name);
        const ms = await initializationMs(join(one.codeFolder, 'index.mjs'), environment);
        figures.push(figure(`${name}: initialization`, ms, 'ms'));
      }
      return figures;
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  },
};

async function initializationMs(path: string, env: Readonly<Record<string, string>>): Promise<number> {
  const times: number[] = [];
  for (let start = 0; start < starts; start += 1) {
    const child = fork(fileURLToPath(new URL('./cold-start.fork.ts', import.meta.url)), [path], {
      env: { ...env },
      execArgv: ['--disable-warning=ExperimentalWarning'],
    });
    const exited = once(child, 'exit');
    const [ms] = (await once(child, 'message')) as [number];
    times.push(ms);
    // An SDK client may keep the process open.
    child.kill();
    await exited;
  }
  return times.toSorted((one, other) => one - other)[starts >> 1] ?? Number.NaN;
}
