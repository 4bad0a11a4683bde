import { join } from 'node:path';
import { failed, ok, warning, type Finding, type HealthCheck } from '../check.ts';
import { seeDirectory, type DirectoryState } from '../caller.ts';

/** Whether the controller can write down what it does. */
export const auditLogDirectoryCheck: HealthCheck = {
  name: 'audit_log_directory',
  group: 'MONITORING',
  look: async (sight) => {
    sight.requireRoot('the audit log');
    const path = join(sight.host.controller.stateDir, 'audit');
    const state = await seeDirectory(path, { uid: 0, gid: 0 });
    return judgeAuditLog(state, { path, isControllerUp: (await sight.controller()) !== undefined });
  },
};

/** Without a controller nobody has made it yet, which is fine. */
export function judgeAuditLog(
  state: DirectoryState,
  { path, isControllerUp }: { readonly path: string; readonly isControllerUp: boolean },
): Finding {
  if (state === 'writable') return ok(`${path} is writable`);
  if (state === 'absent') {
    if (!isControllerUp) return ok(`${path} is made when the controller starts`);
    return warning(`There is no ${path}, though a controller runs`, [
      'systemctl restart coi',
      '# without systemd: coi controller',
    ]);
  }
  const what = state === 'no-directory' ? 'is no directory' : 'cannot be written to';
  return failed(`${path} ${what}: the controller does nothing that it cannot write down`, [
    `ls -ld ${path}`,
    '# Put a directory of root there, on a file system that can be written to.',
  ]);
}
