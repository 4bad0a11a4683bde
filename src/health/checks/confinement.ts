import { ok, warning, type HealthCheck } from '../check.ts';

/** What confines a container besides its user namespace: filters of system calls, and the host's security module. */
export const confinementCheck: HealthCheck = {
  name: 'confinement',
  group: 'SYSTEM',
  look: async ({ machine }) => {
    const [actions, appArmor, seLinux] = await Promise.all([
      machine.read('/proc/sys/kernel/seccomp/actions_avail'),
      machine.read('/sys/module/apparmor/parameters/enabled'),
      machine.read('/sys/fs/selinux/enforce'),
    ]);
    const modules = [
      ...(appArmor?.trim() === 'Y' ? ['AppArmor'] : []),
      ...(seLinux?.trim() === '1' ? ['SELinux'] : []),
    ];
    const details = { seccomp: actions !== undefined, modules: modules.join(', ') || 'none' };
    if (actions === undefined) {
      return warning(
        'The kernel filters no system calls (seccomp): containers may use all of them',
        ['# Use a kernel of the distribution: theirs have CONFIG_SECCOMP_FILTER.'],
        details,
      );
    }
    // Containers are unprivileged: the security module is one layer more, and not every distribution has one.
    const layer = modules.length > 0 ? `and ${modules.join(' and ')} is on` : 'and there is no AppArmor or SELinux';
    return ok(`The kernel filters system calls (seccomp), ${layer}`, details);
  },
};
