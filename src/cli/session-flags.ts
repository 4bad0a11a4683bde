import { slotCount } from '../spec/names.ts';
import { count } from './parse-value.ts';
import { UsageProblem } from './usage.ts';
import type { FlagSpec } from './verb.ts';

/** Flags of commands that can go on with a saved session; also in front of the command. */
export const resumeFlags: readonly FlagSpec[] = [
  { flags: '--resume [=id]', about: 'Go on with a saved session: this one, or the last one here' },
  { flags: '--continue [=id]', about: 'The same' },
];

/** Variables of what runs inside. */
export const envFlag: FlagSpec = {
  flags: '-e, --env <key=value>',
  about: 'Environment variable inside; may be repeated',
  repeatable: true,
  parse: variable,
};

/** Flags of every command that makes or finds a session; also in front of the command. */
export const sessionFlags: readonly FlagSpec[] = [
  { flags: '-w, --workspace <path>', about: 'Directory to mount at /workspace (default the current one)' },
  {
    flags: '--slot <n>',
    about: `Which of the workspace's ${slotCount} slots; 0 takes a free one (default)`,
    parse: slot,
  },
  { flags: '--image <name>', about: 'Image to create the container from (default coi)' },
  { flags: '--persistent', about: 'Keep the container when it stops' },
  { flags: '--profile <name>', about: 'Settings of [profiles.NAME]' },
  envFlag,
  {
    flags: '--mount <pair>',
    about: 'Another directory to mount, as HOST:PATH-INSIDE; may be repeated',
    repeatable: true,
    parse: mountPair,
  },
  { flags: '--storage <path>', about: 'Directory to mount at /storage; made if missing' },
  { flags: '--network <mode>', about: 'What it may reach: restricted, open, allowlist, none' },
  { flags: '--writable-git-hooks', about: 'Protect no path of the workspace: hooks, settings and all others' },
  { flags: '--monitor', about: 'Watch it, freeze and end it by itself, whatever the settings say' },
  { flags: '--limit-cpu <cpus>', about: 'How many CPUs, or which: 2, 0-3, 0,1,3' },
  { flags: '--limit-cpu-allowance <share>', about: 'CPU time: 50%, 25ms/100ms' },
  { flags: '--limit-cpu-priority <n>', about: 'Who goes first when CPUs are short, 0 to 10', parse: count },
  { flags: '--limit-memory <size>', about: 'Most memory: 2GiB, 50%' },
  { flags: '--limit-memory-swap <swap>', about: 'Swap: true, false or a size' },
  { flags: '--limit-memory-enforce <how>', about: 'hard or soft' },
  { flags: '--limit-disk-read <rate>', about: 'Fastest reading: 10MiB/s, 1000iops' },
  { flags: '--limit-disk-write <rate>', about: 'Fastest writing' },
  { flags: '--limit-disk-max <rate>', about: 'Both; wins over the other two' },
  { flags: '--limit-disk-priority <n>', about: 'Who goes first when the disk is busy, 0 to 10', parse: count },
  { flags: '--limit-duration <time>', about: 'How long it may run: 2h, 1h30m' },
  { flags: '--limit-processes <n>', about: 'Most processes at once; 0 for no limit', parse: count },
];

/** Flags of commands that look at what an agent left. */
export const toolFlags: readonly FlagSpec[] = [
  { flags: '--tool <name>', about: 'Saved sessions of which agent (default the one of the settings)' },
  { flags: '--profile <name>', about: 'Settings of [profiles.NAME]' },
];

/** What those flags came to. */
export interface SessionOptions {
  readonly workspace?: string;
  readonly slot?: number;
  readonly image?: string;
  readonly persistent?: boolean;
  readonly profile?: string;
  readonly env?: readonly (readonly [name: string, value: string])[];
  readonly network?: string;
  readonly tool?: string;
  readonly mount?: readonly MountPair[];
  readonly storage?: string;
  readonly writableGitHooks?: boolean;
  readonly monitor?: true;
}

/** A directory to mount. */
export interface MountPair {
  /** As it was given. */
  readonly host: string;
  /** Absolute path inside. */
  readonly container: string;
}

function slot(text: string): number {
  const number = count(text);
  if (number <= slotCount) return number;
  throw new UsageProblem(`There is no slot ${text}`, `Use 1 to ${slotCount}, or 0 for a free one`);
}

function mountPair(text: string): MountPair {
  const [host = '', container = '', ...more] = text.split(':');
  const hint = 'Example: --mount ~/data:/data';
  if (host === '' || container === '' || more.length > 0) {
    throw new UsageProblem(`--mount needs HOST:PATH-INSIDE, and "${text}" is none`, hint);
  }
  if (!container.startsWith('/')) throw new UsageProblem(`The path inside must be absolute, not "${container}"`, hint);
  return { host, container };
}

/** One variable; what is behind the first `=` is taken as it is. */
function variable(text: string): readonly [name: string, value: string] {
  const at = text.indexOf('=');
  const name = text.slice(0, Math.max(0, at));
  if (/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) return [name, text.slice(at + 1)];
  // The rest may be a secret.
  const shown = JSON.stringify((at < 0 ? text : name).slice(0, 40));
  throw new UsageProblem(`--env needs NAME=VALUE, and ${shown} is no name with a value`, 'Example: --env LANG=C.UTF-8');
}
