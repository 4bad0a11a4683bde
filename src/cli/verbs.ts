import { formatFlag } from './parse-argv.ts';
import type { VerbSpec } from './verb.ts';

const format = formatFlag('text', 'json');

/** All commands, in the order of help. Loaded one by one: a command pays only for what it uses. */
export const verbs: readonly VerbSpec[] = [
  {
    name: 'validate',
    args: '[path...]',
    about: 'Check manifest files and show everything that is wrong with them',
    detail: 'Without a path: the directories that the controller reads. Needs neither a controller nor Incus.',
    example: 'coi validate ./desired-state',
    flags: [format],
    load: async () => (await import('./validate.ts')).validate,
  },
  {
    name: 'schema',
    args: '',
    about: 'Print the JSON Schema of manifest files, for editors',
    example: 'coi schema > coi.schema.json',
    flags: [],
    load: async () => (await import('./schema.ts')).schema,
  },
  {
    name: 'version',
    args: '[ignored...]',
    about: 'Show the version',
    example: 'coi version',
    flags: [format],
    load: async () => (await import('./show-version.ts')).showVersion,
  },
  {
    name: 'help',
    args: '[command...]',
    about: 'Show help on coi or on one of its commands',
    example: 'coi help apply',
    flags: [],
    load: async () => {
      throw new Error('help is answered before commands are loaded');
    },
  },
];
