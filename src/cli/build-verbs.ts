import { formatFlag } from './parse-argv.ts';
import { positiveCount } from './parse-value.ts';
import type { FlagSpec, VerbSpec } from './verb.ts';

const force: FlagSpec = { flags: '--force', about: 'Although there is one, and without what earlier builds left' };

const keep: FlagSpec = {
  flags: '--keep <n>',
  about: 'How many versions stay (settings: images.keep)',
  parse: positiveCount,
};

/** Commands that make images. */
export const buildVerbs: readonly VerbSpec[] = [
  {
    name: 'build',
    args: '[name...]',
    about: 'Build images from their definitions',
    detail:
      'Without names: "coi". NAME is a folder with an image.toml: one that came with coi, one in\n' +
      '/etc/coi/images, or any by its path with a slash. What failed goes on at its stage when it is\n' +
      'built again. Prints the alias, the alias of this version, and the fingerprint.',
    example: 'coi build coi',
    flags: [force, keep, formatFlag('text', 'json')],
    load: async () => (await import('./build.ts')).build,
  },
  {
    name: 'build custom',
    args: '<name>',
    about: 'Build an image with a script on top of another',
    example: 'coi build custom my-image --script ./set-up.sh',
    flags: [
      { flags: '--script <path>', about: 'The script' },
      { flags: '--base <image>', about: 'Image to start from (default coi)' },
      force,
      keep,
    ],
    load: async () => (await import('./build-custom.ts')).buildCustom,
  },
];
