import { ok, warning, type HealthCheck } from '../check.ts';
import { isOlder, versionIn } from '../version.ts';

/** What the oldest supported distributions have is newer. */
const oldest = [5, 15];

/** Whether the kernel has what isolation is made of. */
export const kernelCheck: HealthCheck = {
  name: 'kernel',
  group: 'SYSTEM',
  look: async ({ machine: { kernel } }) => {
    if (!isOlder(versionIn(kernel) ?? oldest, oldest)) return ok(`Linux ${kernel}`);
    return warning(`Linux ${kernel} is older than ${oldest.join('.')}: coi is not tried with it`, [
      '# Install a newer kernel of the distribution, or a newer distribution, and restart.',
    ]);
  },
};
