import { formatFlag } from './parse-argv.ts';
import type { VerbSpec } from './verb.ts';

/** `coi health`, as help shows it. */
export const healthVerb: VerbSpec = {
  name: 'health',
  args: '',
  about: 'Check this host, and say what puts each problem right',
  detail:
    'Exit codes: 0 healthy, 1 degraded, 2 unhealthy. Changes nothing of the host; a sandbox of its own\n' +
    'tries for seconds what sandboxes reach.\n' +
    'What only root sees is shown as "unknown" to others.',
  example: 'sudo coi health',
  flags: [
    { flags: '-v, --verbose', about: 'Make more checks, and show more about each' },
    { flags: '--quick', about: 'Leave out what is tried from a sandbox of its own, which takes seconds' },
    { flags: '--tool <name>', about: 'The agent to look at (default the one of the settings)' },
    { flags: '--profile <name>', about: 'Settings of [profiles.NAME]' },
    formatFlag('text', 'json'),
  ],
  failureCode: () => 2,
  load: async () => (await import('./health.ts')).health,
};
