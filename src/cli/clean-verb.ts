import { formatFlag } from './parse-argv.ts';
import { toolFlags } from './session-flags.ts';
import type { VerbSpec } from './verb.ts';

/** `coi clean`, as help shows it. */
export const cleanVerb: VerbSpec = {
  name: 'clean',
  args: '',
  about: 'Delete stopped containers of sessions, or what is left over and nobody has',
  detail:
    'Says what it would remove and why, then asks. Without flags: stopped containers of sessions that are\n' +
    'not persistent; with --all also those that are, saved sessions, and orphans: interfaces, network\n' +
    'rules and files of sandboxes that do not exist; and what the original coi left behind: direct rules\n' +
    'and zone bindings in firewalld, and log rules, for addresses on a bridge of Incus that no instance\n' +
    'has.',
  example: 'coi clean --orphans --dry-run',
  flags: [
    { flags: '--all', about: 'All of it, persistent containers that are stopped, too' },
    { flags: '--sessions', about: 'Saved sessions' },
    ...toolFlags,
    { flags: '--orphans', about: 'What belongs to no sandbox and no instance' },
    { flags: '--shared-rule', about: "The original coi's rule that lets all replies pass, too" },
    { flags: '--dry-run', about: 'Only say what would be removed' },
    { flags: '--force', about: 'Do not ask' },
    { flags: '--yes', about: 'The same' },
    formatFlag('text', 'json'),
  ],
  load: async () => (await import('./clean.ts')).clean,
};
