import { severities } from '../monitor/severity.ts';
import { formatFlag } from './parse-argv.ts';
import { durationMs } from './parse-value.ts';
import { UsageProblem } from './usage.ts';
import type { FlagSpec, VerbSpec } from './verb.ts';

const workspace: FlagSpec = {
  flags: '-w, --workspace <path>',
  about: 'Whose container, without a name (default the current directory)',
};

/** `coi monitor`, as help shows it. */
export const monitorVerbs: readonly VerbSpec[] = [
  {
    name: 'monitor',
    args: '[name]',
    about: 'Show what a sandbox is doing: rates, detections, connections, processes',
    detail:
      'Without a name: the only container of the workspace. Takes a controller that runs.\n' +
      'Of a sandbox called "audit": coi monitor coi-audit',
    example: 'coi monitor web --watch',
    flags: [
      {
        flags: '--watch [seconds]',
        about: 'Go on showing it, anew every so many seconds (default 2), until interrupted',
        follows: /^\d{1,5}$/,
        parse: watchMs,
      },
      { flags: '--json', about: 'The same as --format json' },
      workspace,
      formatFlag('text', 'json'),
    ],
    load: async () => (await import('./monitor.ts')).monitor,
  },
  {
    name: 'monitor audit',
    args: '[name]',
    about: 'Show what was detected of a sandbox, oldest first',
    detail:
      'Also of one that is gone, by its name. Without a name: the only container of the workspace.\n' +
      'json is one list, jsonl one object a line, ocsf the same as Detection Findings of OCSF.',
    example: 'coi monitor audit web --level critical,high --since 1h',
    flags: [
      { flags: '--level <levels>', about: `Only these: ${severities.join(', ')}; several with commas`, parse: levels },
      { flags: '--since <duration>', about: 'Only what was detected in this time', parse: durationMs },
      { flags: '--export <file>', about: 'Write it to a new file, for you alone; as jsonl unless --format says' },
      { flags: '--follow', about: 'Go on as things are detected, until interrupted' },
      workspace,
      formatFlag('text', 'json', 'jsonl', 'ocsf'),
    ],
    load: async () => (await import('./monitor-audit.ts')).monitorAudit,
  },
];

const usualWatchMs = 2_000;

/** Time between two looks; `auto` is what a flag without its value comes as. */
function watchMs(text: string): number {
  if (text === 'auto') return usualWatchMs;
  const ms = /^\d{1,5}$/.test(text) ? Number(text) * 1_000 : durationMs(text);
  if (ms > 0) return ms;
  throw new UsageProblem(`"${text}" is no time between two looks`, 'Write seconds, 1 or more');
}

function levels(text: string): readonly string[] {
  const all = text.split(',').map((level) => level.trim().toLowerCase());
  const wrong = all.find((level) => !severities.some((each) => each === level));
  if (wrong === undefined) return all;
  throw new UsageProblem(`"${wrong}" is no level`, `Use ${severities.join(', ')}`);
}
