import { failed, ok, type HealthCheck } from '../check.ts';

/** Whether processes can be looked at: proc(5) must be there, and show those of others. */
export const processMonitoringCheck: HealthCheck = {
  name: 'process_monitoring',
  group: 'OPTIONAL',
  isExtra: true,
  look: async (sight) => {
    const first = await sight.machine.read('/proc/1/stat');
    if (first?.startsWith('1 (')) return ok('Processes of the host and of sandboxes can be looked at');
    // With the mount option hidepid others see their own alone, which is as it should be.
    sight.requireRoot('processes of others');
    return failed('Processes cannot be looked at: /proc shows none', ['mount -t proc proc /proc']);
  },
};
