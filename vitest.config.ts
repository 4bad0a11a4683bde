import { defineConfig } from 'vitest/config';

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
          exclude: ['test/**/*.lab.test.ts', 'test/**/*.chaos.test.ts'],
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
          include: ['test/**/*.chaos.test.ts'],
          // Each is a host of its own, too, whose faults take most of the time in waiting.
          maxWorkers: 2,
          ...timeouts,
          testTimeout: 3_600_000,
        },
      },
    ],
  },
});
