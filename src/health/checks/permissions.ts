import { readFile } from 'node:fs/promises';
import { failed, ok, type Finding, type HealthCheck } from '../check.ts';

/** Whether this user is in the group that may use Incus and the controller. */
export const permissionsCheck: HealthCheck = {
  name: 'permissions',
  group: 'CRITICAL',
  look: async ({ isRoot, settings: { group } }) => {
    if (isRoot) return ok('Root may do everything');
    return judgeGroup({ group, groups: await readFile('/etc/group', 'utf8'), own: process.getgroups?.() ?? [] });
  },
};

/** Whether somebody belongs to a group. @param groups text of group(5) @param own numbers of the groups of that user */
export function judgeGroup({
  group,
  groups,
  own,
}: {
  readonly group: string;
  readonly groups: string;
  readonly own: readonly number[];
}): Finding {
  const [, , id] =
    groups
      .split('\n')
      .map((line) => line.split(':'))
      .find(([name]) => name === group) ?? [];
  if (id === undefined)
    return failed(`There is no group ${group}, which may use Incus`, [`groupadd --system ${group}`]);
  if (own.includes(Number(id))) return ok(`This user is in the group ${group}`);
  return failed(`This user is not in the group ${group}, which may use Incus`, [
    `usermod -aG ${group} "$USER"`,
    '# Then log in again.',
  ]);
}
