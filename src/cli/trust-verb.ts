import { formatFlag } from './parse-argv.ts';
import type { VerbSpec } from './verb.ts';

/** `coi trust`, as help shows it. */
export const trustVerb: VerbSpec = {
  name: 'trust',
  args: '[directory...]',
  about: "Let a project's .coi.toml say what it says now, for you",
  detail:
    'By itself a project may take less than you allow, never more. Trust is for exactly these bytes of\n' +
    'the file in this place: a changed file is not trusted. Without a directory: the current one.',
  example: 'coi trust ~/code/shop',
  flags: [
    { flags: '--list', about: 'Show what you trust, and what of it has changed since' },
    { flags: '--remove', about: 'Trust it no longer' },
    { flags: '-w, --workspace <path>', about: 'Directory of the project (default the current one)' },
    formatFlag('text', 'json'),
  ],
  load: async () => (await import('./trust.ts')).trust,
};
