import { ok, type HealthCheck } from '../check.ts';

/** What the original coi needs and this one does not: scripts look for the names. */
export const notNeededChecks: readonly HealthCheck[] = [
  {
    name: 'monitoring_configuration',
    group: 'MONITORING',
    look: async () => ok('Nothing is to be set: what agents do inside is not watched'),
  },
  {
    name: 'systemd_journal',
    group: 'OTHER',
    look: async () => ok('The journal is not needed: the kernel itself keeps what sandboxes were refused'),
  },
  {
    name: 'libsystemd',
    group: 'OTHER',
    look: async () => ok('libsystemd is not needed: nothing is read from the journal'),
  },
  {
    name: 'passwordless_sudo',
    group: 'OPTIONAL',
    isExtra: true,
    look: async ({ host: { incus } }) =>
      ok(`No rule for sudo is needed: the controller is root, and answers the group ${incus.group}`),
  },
];
