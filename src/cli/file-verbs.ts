import { formatFlag } from './parse-argv.ts';
import { count, fileMode } from './parse-value.ts';
import type { FlagSpec, VerbSpec } from './verb.ts';

const recursive: FlagSpec = { flags: '-r, --recursive', about: 'A directory, with all that is in it' };

const asCp = (place: string) =>
  `As with cp: into ${place} where that is a directory, else as ${place}; DIR/. means what is in DIR.\n` +
  'Directories are merged, files and links replace their like, nothing else is replaced or deleted.\n';

/** Commands that copy files in and out, as help shows them. */
export const fileVerbs: readonly VerbSpec[] = [
  {
    name: 'file push',
    args: '<local> <container:path>',
    about: 'Copy a file or a directory into a container, running or not',
    detail:
      asCp('PATH') +
      'What is new belongs to root unless --uid says otherwise; what is replaced keeps its owner.\n' +
      'Permissions come along without setuid and setgid, times too, and links as links. Not deeper than\n' +
      '256 directories. CONTAINER is a container of Incus, or a sandbox. Exit codes: 1 failed, 2 no colon,\n' +
      'or a directory without -r.',
    example: 'coi file push -r ./fixtures coi-1a2b3c4d-1:/home/code/fixtures --uid 1000',
    flags: [
      recursive,
      { flags: '--uid <n>', about: 'Owner inside, by number (default 0)', parse: count },
      { flags: '--gid <n>', about: 'Group inside (default as --uid)', parse: count },
      { flags: '--mode <mode>', about: 'Permissions of files, as 644 or 0755 (default their own)', parse: fileMode },
      formatFlag('text', 'json'),
    ],
    load: async () => (await import('./file-push.ts')).filePush,
  },
  {
    name: 'file pull',
    args: '<container:path> <local>',
    about: 'Copy a file or a directory out of a container, running or not',
    detail:
      asCp('LOCAL') +
      'All belongs to you. Permissions come along without setuid and setgid and without what your umask\n' +
      'takes away. With -r links stay links; none is ever followed here. A file has its name once it is\n' +
      'complete. Not more than 500,000 things or 64 GiB, nor deeper than 256 directories, since what runs\n' +
      'inside could go on for ever.\n' +
      'Exit codes: 1 failed, 2 no colon, or a directory without -r.',
    example: 'coi file pull -r coi-1a2b3c4d-1:/workspace/coverage ./coverage',
    flags: [recursive, { flags: '--no-limits', about: 'However much there is' }, formatFlag('text', 'json')],
    load: async () => (await import('./file-pull.ts')).filePull,
  },
];
