import { formatFlag } from './parse-argv.ts';
import { numericId } from './parse-value.ts';
import { envFlag } from './session-flags.ts';
import type { FlagSpec, VerbSpec } from './verb.ts';

const id = (flags: string, about: string): FlagSpec => ({ flags, about, parse: numericId });
const managed = 'NAME is that of the container or its sandbox. What a file in a directory declares is refused.';

/** `coi container …`: containers by their names, for scripts. */
export const containerVerbs: readonly VerbSpec[] = [
  {
    name: 'container launch',
    args: '<image> <name>',
    about: 'Start a container of this very name, with nothing in it but its image',
    detail:
      'It has the network rules, limits and mounts that settings and flags say, as "coi run" has them, and\n' +
      'a workspace only with -w. It stays when it stops, unless it is --ephemeral. Nothing stays of one\n' +
      'that cannot be started.',
    example: 'coi container launch coi my-container',
    flags: [{ flags: '--ephemeral', about: 'It goes when it stops' }],
    load: async () => (await import('./container-launch.ts')).containerLaunch,
  },
  {
    name: 'container start',
    args: '<name>',
    about: 'Start a container that stands still, whatever stopped it',
    detail: managed,
    example: 'coi container start my-container',
    flags: [],
    load: async () => (await import('./container-power.ts')).containerStart,
  },
  {
    name: 'container stop',
    args: '<name>',
    about: 'Stop a container; one that is ephemeral goes then',
    detail: `What runs inside has 10 s to end by itself.\n${managed}`,
    example: 'coi container stop my-container',
    flags: [{ flags: '--force', about: 'At once, without asking what runs inside' }],
    load: async () => (await import('./container-power.ts')).containerStop,
  },
  {
    name: 'container delete',
    args: '<name>',
    about: 'Delete a container that is stopped, with its network rules',
    detail: managed,
    example: 'coi container delete my-container',
    flags: [{ flags: '--force', about: 'Also one that runs, with everything inside' }],
    load: async () => (await import('./container-power.ts')).containerDelete,
  },
  {
    name: 'container exec',
    args: '<name> <command...>',
    about: 'Run a command in any container, as root unless told otherwise',
    detail:
      'Put -- before the command. Streams go through as they are, and its exit code is that of coi. With\n' +
      '--capture its output comes at the end as JSON, and coi exits with 0; with --format raw just its\n' +
      'stdout, and its exit code. A captured command reads nothing from stdin.',
    example: 'coi container exec my-container --user 1000 -- id',
    flags: [
      id('--user <n>', 'Number of the user inside (default 0)'),
      id('--group <n>', 'Number of the group inside (default that of the user)'),
      envFlag,
      { flags: '--cwd <path>', about: 'Directory inside (default that of the workspace, where there is one)' },
      { flags: '--capture', about: 'Print the output when the command has ended' },
      {
        flags: '--format <format>',
        about: 'How to print what was captured: json, raw (default json)',
        choices: ['json', 'raw'],
      },
      { flags: '-t, --tty', about: 'Give it a terminal' },
    ],
    load: async () => (await import('./container-exec.ts')).containerExec,
  },
  {
    name: 'container exists',
    args: '<name>',
    about: 'Say by the exit code alone whether there is a container of this very name',
    example: 'coi container exists my-container',
    flags: [],
    load: async () => (await import('./container-exists.ts')).containerExists,
  },
  {
    name: 'container running',
    args: '<name>',
    about: 'Say by the exit code alone whether a container of this very name runs',
    example: 'coi container running my-container',
    flags: [],
    load: async () => (await import('./container-exists.ts')).containerRunning,
  },
  {
    name: 'container list',
    args: '',
    about: 'List every instance of Incus, whoever made it',
    example: 'coi container list --format json',
    flags: [formatFlag('text', 'json')],
    load: async () => (await import('./container-list.ts')).containerList,
  },
  {
    name: 'container mount',
    args: '<name> <device> <source> <path>',
    about: 'Show a directory of the host in a container, also while it runs',
    detail: `It becomes a mount of its manifest; DEVICE is the name of its device, one that it has not yet.\n${managed}`,
    example: 'coi container mount my-container data /srv/data /data',
    flags: [
      { flags: '--no-shift', about: 'Leave the owners of its files as they are: inside they belong to nobody' },
      { flags: '--readonly', about: 'It can only be read inside' },
    ],
    load: async () => (await import('./container-mount.ts')).containerMount,
  },
];
