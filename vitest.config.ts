import { defineConfig, type TestProjectInlineConfiguration } from 'vitest/config';

type Level = NonNullable<TestProjectInlineConfiguration['test']>;

/** A folder of test/ as a project: one suite per cost level. */
const level = (name: string, { globalSetup = [], ...test }: Level) => ({
  extends: true as const,
  test: {
    name,
    include: [`test/${name}/**/*.test.ts`],
    globalSetup: ['test/temporary-files.ts', ...[globalSetup].flat()],
    ...test,
  },
});

/** What runs in `npm run test:all` alone. */
const onlyInAll = (name: string) => [`test/${name}/long/**`, `test/${name}/more/**`];

/** Levels that boot the runner, after the others. */
const booted = (name: string, groupOrder: number, test: Level) =>
  level(name, {
    globalSetup: ['test/e2e/global-setup.ts'],
    hookTimeout: 90_000,
    maxWorkers: 1,
    sequence: { groupOrder },
    isolate: true,
    ...test,
  });

/** `npm test` takes about three minutes on two quiet cores; `npm run test:all` (mode `all`) explores for many more. */
export default defineConfig(({ mode }) => {
  const isExploring = mode === 'all';
  return {
    test: {
      environment: 'node',
      pool: 'forks',
      // Two cores are what the checks run on; more workers there only make timings uneven.
      maxWorkers: 2,
      // Tests change no state of a module, and loading modules anew for each file takes a quarter of the time.
      isolate: false,
      // No test sleeps; a test that hits its timeout hangs.
      hookTimeout: 30_000,
      teardownTimeout: 10_000,
      provide: { isExploring },
      projects: [
        level('unit', { testTimeout: isExploring ? 60_000 : 10_000, exclude: isExploring ? [] : onlyInAll('unit') }),
        level('flow', {
          testTimeout: isExploring ? 60_000 : 10_000,
          exclude: isExploring ? [] : onlyInAll('flow'),
        }),
        level('integrations', { testTimeout: 10_000 }),
        level('contract', {
          testTimeout: isExploring ? 60_000 : 20_000,
          exclude: isExploring ? [] : onlyInAll('contract'),
        }),
        level('infra', {
          testTimeout: 60_000,
          hookTimeout: 60_000,
          exclude: isExploring ? [] : onlyInAll('infra'),
        }),
        // An engine waits for its emulators half of the time: two share two cores.
        booted('e2e', 1, {
          testTimeout: 60_000,
          maxWorkers: 2,
          exclude: isExploring ? ['test/e2e/long/**'] : onlyInAll('e2e'),
        }),
        // A browser and an engine together keep two cores busy.
        booted('browser', 2, { testTimeout: 60_000, exclude: isExploring ? [] : onlyInAll('browser') }),
        // These measure, or load the machine: one at a time.
        ...(isExploring ? [booted('e2e/long', 3, { testTimeout: 60_000 })] : []),
        // Packs the library, and installs it in the example app.
        ...(isExploring ? [level('package', { testTimeout: 60_000, maxWorkers: 1, sequence: { groupOrder: 5 } })] : []),
        // A sample takes minutes.
        ...(isExploring ? [booted('faults', 4, { testTimeout: 600_000 })] : []),
      ],
    },
  };
});
