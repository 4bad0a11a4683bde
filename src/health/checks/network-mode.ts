import { builtIn } from '../../spec/defaults.ts';
import { ok, unknown, type HealthCheck } from '../check.ts';

/** What sandboxes may reach unless they or their command line say otherwise. */
export const networkModeCheck: HealthCheck = {
  name: 'network_mode',
  group: 'CONFIGURATION',
  look: async ({ seen: { settings, problems } }) => {
    if (problems.length > 0) return unknown('Nothing starts from settings that cannot be used');
    const mode = settings.layer.network?.mode ?? builtIn.network.mode;
    return ok(`Sandboxes start in network mode "${mode}"`, { mode });
  },
};
