import { ok, type HealthCheck } from '../check.ts';

/** What the original coi needs and this one does not: scripts look for the names. */
export const notNeededChecks: readonly HealthCheck[] = [
  {
    name: 'libsystemd',
    group: 'OTHER',
    look: async () => ok('libsystemd is not needed: where there is a journal, journalctl reads it'),
  },
  {
    name: 'passwordless_sudo',
    group: 'OPTIONAL',
    isExtra: true,
    look: async ({ host: { incus } }) =>
      ok(`No rule for sudo is needed: the controller is root, and answers the group ${incus.group}`),
  },
];
