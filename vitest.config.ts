import { defineConfig } from 'vitest/config';

/** A folder of test/ as a project: one suite per cost level. */
const level = (name: string, test: { testTimeout: number; hookTimeout?: number }) => ({
  extends: true as const,
  test: { name, include: [`test/${name}/**/*.test.ts`], ...test },
});

export default defineConfig({
  test: {
    environment: 'node',
    pool: 'forks',
    // Two cores are what the checks run on; more workers there only make timings uneven.
    maxWorkers: 2,
    // No test sleeps; a test that hits its timeout hangs.
    hookTimeout: 30_000,
    teardownTimeout: 10_000,
    projects: [
      level('unit', { testTimeout: 10_000 }),
      level('flow', { testTimeout: 10_000 }),
      level('integrations', { testTimeout: 10_000 }),
      level('contract', { testTimeout: 20_000 }),
      level('infra', { testTimeout: 60_000, hookTimeout: 60_000 }),
      {
        extends: true,
        test: {
          name: 'e2e',
          include: ['test/e2e/**/*.test.ts'],
          globalSetup: ['test/e2e/global-setup.ts'],
          testTimeout: 60_000,
          hookTimeout: 90_000,
          // Each file boots the runner: one file at a time, after the others.
          maxWorkers: 1,
          sequence: { groupOrder: 1 },
        },
      },
      {
        extends: true,
        test: {
          name: 'faults',
          include: ['test/faults/**/*.test.ts'],
          globalSetup: ['test/e2e/global-setup.ts'],
          // A sample takes a minute on two idle cores.
          testTimeout: 300_000,
          hookTimeout: 90_000,
          maxWorkers: 1,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
});
