import type { ShellOptions } from './shell.ts';
import { UsageProblem } from './usage.ts';

/** Flags about what is started, by their options. */
const flags: readonly (readonly [option: keyof ShellOptions, flag: string])[] = [
  ['tool', '--tool'],
  ['debug', '--debug'],
  ['background', '--background'],
  ['tmux', '--tmux=false'],
  ['env', '--env'],
  ['resume', '--resume'],
  ['continue', '--continue'],
];

/** For `--container`, which starts nothing. @throws {UsageProblem} when something is said about what to start */
export function refuseBeside(options: ShellOptions): void {
  // Without the flag tmux is on.
  const given = flags.filter(([option]) =>
    option === 'tmux' ? options.tmux === false : options[option] !== undefined,
  );
  if (given.length === 0) return;
  const names = given.map(([, flag]) => flag).join(', ');
  throw new UsageProblem(
    `--container shows what runs in a container and starts nothing, so it does not go with ${names}`,
    'For a shell in it: coi attach NAME --bash',
  );
}
