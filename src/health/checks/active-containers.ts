import { classify } from '../../observe/owned.ts';
import { ok, type HealthCheck } from '../check.ts';
import { orWarning } from '../unseen.ts';

/** How many sandboxes there are. */
export const activeContainersCheck: HealthCheck = {
  name: 'active_containers',
  group: 'STATUS',
  look: async (sight) => {
    await sight.requireIncus();
    return orWarning(async () => {
      const own = (await sight.instances()).filter((instance) => {
        const seen = classify(instance);
        return seen.kind === 'owned' && !seen.isTombstone;
      });
      const running = own.filter(({ state }) => state === 'running').length;
      return ok(`Sandboxes that run: ${running} of ${own.length}`, { running, count: own.length });
    });
  },
};
