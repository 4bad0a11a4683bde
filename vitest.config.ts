import { defineConfig } from 'vitest/config';

/** Proofs without a sample: they take too long for every run. */
const full = process.env['COI_TEST_FULL'] === '1' ? ['test/**/*.full.test.ts'] : [];
const timeouts = { testTimeout: 180_000, hookTimeout: 180_000 };

export default defineConfig({
  test: {
    reporters: ['default', './test/tally.ts'],
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          // A busy machine is no failure: nothing here asserts on times.
          testTimeout: 60_000,
          include: ['test/**/*.test.ts'],
          exclude: ['test/**/*.{lab,chaos,full}.test.ts'],
        },
      },
      {
        extends: true,
        // Each lab is a host of its own, and mostly waits for its own Incus.
        test: { name: 'lab', include: ['test/**/*.lab.test.ts'], maxWorkers: 3, ...timeouts },
      },
      {
        extends: true,
        test: {
          name: 'chaos',
          include: ['test/**/*.chaos.test.ts', ...full],
          // Each is a host of its own, too, whose faults take most of the time in waiting.
          maxWorkers: 2,
          ...timeouts,
          testTimeout: 3_600_000,
        },
      },
    ],
  },
});
