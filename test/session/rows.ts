/** Tests that prove one promise. */
export interface Proof {
  /** Below test/. */
  readonly file: string;
  /** As the tests are called. */
  readonly tests: readonly string[];
}

const run = 'session/run.lab.test.ts';
const slots = 'session/slots.lab.test.ts';

const streams = 'passes streams and the exit code through, and leaves nothing behind';
const asUser = 'runs as the code user in the workspace, with an environment of its own';
const byEnv = 'hands over values of --env as they are, by no command line and no file';
const around = 'takes its flags before and after it';
const layers = 'reads settings, environment, profile and flags one above the other';
const same = 'lives by the same rules, limits and mounts as any sandbox';
const unenforceable =
  'has a limit that shows on the container, or is told that the host cannot enforce it, and leaves nothing';
const refusals = 'refuses mounts, modes and limits that make no sense, all of them at once';
const kept = 'keeps a persistent container stopped, and goes on in it when asked for its slot';
const output = 'prints the output at the end, or as JSON';
const many = 'deletes one, several or all, with their rules, and asks before it deletes several';
const duration = 'may run no longer than its limit, whoever looks';
const race = 'go to exactly one of many who start at once; those for whom none is left are told';
const order = 'are given out lowest first, and the next free one where the wanted one is taken';

function proven(file: string, ...tests: string[]): Proof {
  return { file, tests };
}

/** Promises of a session, by their numbers in the list of what the original does, and what proves each of them here. */
export const rows: Readonly<Record<string, Proof>> = {
  'G-07': proven(run, around),
  'G-09': proven(run, around, 'names a workspace by its path as it was given, and mounts what it leads to'),
  'G-10': proven(run, around),
  'G-12': proven(run, layers),
  'G-13': proven(run, 'runs in a system with systemd, too'),
  'G-14': proven(run, byEnv),
  'G-15': proven(run, same),
  'G-16': proven(run, same, refusals),
  'G-19': proven(run, same, unenforceable, duration),
  'G-20': proven(run, same),
  'G-21': proven(slots, many),
  'S-16': proven(run, asUser, byEnv),
  'S-17': proven(run, asUser),
  'S-18': proven(run, asUser),
  'S-20': proven(slots, race, order),
  'S-21': proven(slots, order),
  'S-23': proven(slots, race),
  'S-24': proven(slots, 'are free again when what stopped in them by itself is gone'),
  'U-01': proven(run, streams),
  'U-02': proven(run, asUser, 'runs in a system with systemd, too'),
  'U-03': proven(run, streams),
  'U-04': proven(run, kept),
  'U-05': proven(run, output),
  'U-06': proven(run, output),
  'U-07': proven(run, 'ends a command whose time is up with an exit code of its own'),
  'U-08': proven(run, 'takes one quoted line or a list of words'),
  'U-10': proven(run, 'says what is missing'),
  'K-01': proven(slots, many),
  'K-02': proven(slots, many),
  'K-03': proven(slots, many),
  'K-04': proven(slots, many),
  'M-03': proven(run, refusals),
  'M-04': proven(run, refusals),
  'M-07': proven(run, 'puts /tmp in memory where a size is set'),
  'M-09': proven(run, same),
  'M-10': proven(run, refusals),
};
