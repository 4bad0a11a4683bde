import { formatFlag } from './parse-argv.ts';
import { wholeNumber } from './parse-value.ts';
import type { FlagSpec, VerbSpec } from './verb.ts';

const listFlags: readonly FlagSpec[] = [
  { flags: '-a, --all', about: 'All images of this host' },
  { flags: '--prefix <prefix>', about: 'List those with an alias that begins so' },
  {
    flags: '--format <format>',
    about: 'How to print: table, json (default table)',
    choices: ['table', 'json', 'text'],
  },
];
const force: FlagSpec = { flags: '--force', about: 'Also when something still names it' };

/** `coi images` and the commands on images that build none. */
export const imageVerbs: readonly VerbSpec[] = [
  {
    name: 'images',
    args: '',
    about: 'Say which images of coi there are',
    example: 'coi images --all',
    flags: listFlags,
    load: async () => (await import('./image-list.ts')).imageList,
  },
  {
    name: 'image list',
    args: '',
    about: 'The same; with --prefix or as JSON, a list of images',
    detail: 'Says which images of coi there are. As JSON it lists all of this host; sizes are bytes there.',
    example: 'coi image list --prefix coi- --format json',
    flags: listFlags,
    load: async () => (await import('./image-list.ts')).imageList,
  },
  {
    name: 'image publish',
    args: '<container> <alias>',
    about: 'Make an image of a container as it is now',
    detail:
      'It may run, and goes on meanwhile: the image is of one moment. Files of its workspace are not in it.\n' +
      'Where there is the alias already, what it stood for before keeps a name: the alias with a time.',
    example: 'coi image publish coi-1a2b3c4d-1 with-tools',
    flags: [
      { flags: '--description <text>', about: 'What it is, for lists of images' },
      {
        flags: '--compression <how>',
        about: 'zstd, gzip, or none: fastest, largest (default zstd where the host has it)',
        choices: ['zstd', 'gzip', 'none'],
      },
      { flags: '--delete', about: 'Delete the container once its image is made' },
    ],
    load: async () => (await import('./image-publish.ts')).imagePublish,
  },
  {
    name: 'image exists',
    args: '<alias>',
    about: 'Say by the exit code whether there is an image: 0 or 1',
    example: 'coi image exists coi',
    flags: [],
    load: async () => (await import('./image-exists.ts')).imageExists,
  },
  {
    name: 'image delete',
    args: '<alias>',
    about: 'Delete an image with all its aliases; containers made from it go on',
    example: 'coi image delete with-tools',
    flags: [force],
    load: async () => (await import('./image-delete.ts')).imageDelete,
  },
  {
    name: 'image cleanup',
    args: '<prefix>',
    about: 'Delete old versions of images: aliases that end in -YYYYMMDD-HHMMSS',
    detail:
      'Of each name that begins with PREFIX the newest N versions stay, and every image that another\n' +
      'alias, a sandbox or a declared image still names. What stays and what goes is on stderr.',
    example: 'coi image cleanup coi- --keep 3',
    flags: [
      { flags: '--keep <n>', about: 'How many versions of each name stay: 1 or more', parse: wholeNumber },
      { flags: '--dry-run', about: 'Only say what would be deleted' },
      { flags: '--force', about: 'Also when not all manifests can be read' },
      formatFlag('text', 'json'),
    ],
    failureCode: ({ keep }) => (typeof keep === 'number' && keep < 1 ? 2 : 1),
    load: async () => (await import('./image-cleanup.ts')).imageCleanup,
  },
];
