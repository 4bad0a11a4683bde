import { failed, ok, type HealthCheck } from '../check.ts';
import { orWarning } from '../unseen.ts';

/** Whether this user may use Incus and the controller. */
export const permissionsCheck: HealthCheck = {
  name: 'permissions',
  group: 'CRITICAL',
  look: ({ host, machine, isRoot, signal }) =>
    orWarning(async () => {
      const { group } = host.incus;
      if (isRoot) return ok(`This is root, who needs no group; others need ${group}`);
      const id = await machine.groupId(group, signal);
      if (id === undefined) {
        return failed(`There is no group ${group}`, [
          '# Installing Incus makes it: deploy/quickstart. Or name another one: [incus] group = "…"',
        ]);
      }
      if (machine.groups.includes(id)) return ok(`This user is in the group ${group}`);
      return failed(`This user is not in the group ${group}, or was not at login`, [
        `sudo usermod -aG ${group} "$USER"`,
        '# Then log in again.',
      ]);
    }),
};
