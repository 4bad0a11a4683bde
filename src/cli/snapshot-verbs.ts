import { formatFlag } from './parse-argv.ts';
import type { FlagSpec, VerbSpec } from './verb.ts';

const container: FlagSpec = {
  flags: '-c, --container <name>',
  about: 'Which container (default: COI_CONTAINER, else the only one of the workspace)',
};
const force: FlagSpec = { flags: '-f, --force', about: 'Do not ask' };
const workspace: FlagSpec = {
  flags: '-w, --workspace <path>',
  about: 'Whose container (default the current directory)',
};
const format = formatFlag('text', 'json');
const noWorkspace = 'Files of the workspace, and of other directories of the host, are not in a snapshot.';

/** `coi snapshot …`, as help shows it. */
export const snapshotVerbs: readonly VerbSpec[] = [
  {
    name: 'snapshot create',
    args: '[name]',
    about: "Keep what is on a container's disk now, to go back to it later",
    detail: `Without a name it is called snap-YYYYMMDD-HHMMSS, by UTC. It stays until it is deleted.\n${noWorkspace}`,
    example: 'coi snapshot create before-upgrade',
    flags: [container, { flags: '--stateful', about: 'What runs, too: refused where Incus cannot do that' }, workspace],
    load: async () => (await import('./snapshot-create.ts')).snapshotCreate,
  },
  {
    name: 'snapshot list',
    args: '',
    about: 'List the snapshots of a container',
    example: 'coi snapshot list --all --format json',
    flags: [container, { flags: '--all', about: 'Those of all containers' }, workspace, format],
    load: async () => (await import('./snapshot-list.ts')).snapshotList,
  },
  {
    name: 'snapshot restore',
    args: '<name>',
    about: 'Put the disk of a stopped container back to a snapshot; asks first',
    detail:
      'What is on its disk now is lost. What is declared of it (limits, mounts, network) stays as it is.\n' +
      noWorkspace,
    example: 'coi snapshot restore before-upgrade',
    flags: [container, force, { flags: '--stateful', about: 'What ran, too: refused' }, workspace],
    load: async () => (await import('./snapshot-restore.ts')).snapshotRestore,
  },
  {
    name: 'snapshot delete',
    args: '[name]',
    about: 'Delete a snapshot of a container, or all of them',
    detail: 'Asks before it deletes all. Neither a name nor --all: exit code 2.',
    example: 'coi snapshot delete before-upgrade',
    flags: [container, { flags: '--all', about: 'All snapshots of the container' }, force, workspace],
    load: async () => (await import('./snapshot-delete.ts')).snapshotDelete,
  },
  {
    name: 'snapshot info',
    args: '<name>',
    about: 'Say what is known of a snapshot',
    example: 'coi snapshot info before-upgrade',
    flags: [container, workspace, format],
    load: async () => (await import('./snapshot-info.ts')).snapshotInfo,
  },
];
