import { formatFlag } from './parse-argv.ts';
import { positiveCount } from './parse-value.ts';
import type { VerbSpec } from './verb.ts';

/** The command that makes copies. */
export const forkVerbs: readonly VerbSpec[] = [
  {
    name: 'fork',
    args: '<name> <new>',
    about: 'Make independent copies of a sandbox as it is now',
    detail:
      'Each copy has the files, the settings and the conversation of NAME, and addresses, rules and an\n' +
      'identity of its own. Copies of a session get the next free slots of their workspace, others are\n' +
      'called NEW; with -n N: NEW-1 to NEW-N.\n' +
      'Where the workspace is a Git repository, each gets a worktree beside it, WORKSPACE-NEW, on a branch\n' +
      'NEW, with what is not committed yet, but for ignored files and submodules. Inside, git finds no\n' +
      'repository there: commit on the host. Worktrees stay when their copies are deleted.\n' +
      'Of a sandbox that is held still, copies are made stopped.',
    example: 'coi fork web try -n 3',
    flags: [
      { flags: '-n, --number <n>', about: 'How many (default 1)', parse: positiveCount },
      { flags: '--shared', about: 'Let the copies work in the same directory as the original' },
      formatFlag('text', 'json'),
    ],
    load: async () => (await import('./fork.ts')).fork,
  },
];
