import { formatFlag } from './parse-argv.ts';
import type { VerbSpec } from './verb.ts';

const whose = 'Means the session of the agent, coi-CONTAINER, of the user inside that the agent runs as.';

/** `coi tmux …`: what an agent shows and is told, without a terminal. */
export const tmuxVerbs: readonly VerbSpec[] = [
  {
    name: 'tmux send',
    args: '<container> <text>',
    about: 'Type a text, just as it is, and Enter into the session of an agent',
    detail: `Put -- before a text that begins with a dash.\n${whose}`,
    example: 'coi tmux send coi-1a2b3c4d-1 "run the tests"',
    flags: [],
    load: async () => (await import('./tmux-send.ts')).tmuxSend,
  },
  {
    name: 'tmux capture',
    args: '<container>',
    about: 'Print what the session of an agent shows',
    detail: whose,
    example: 'coi tmux capture coi-1a2b3c4d-1',
    flags: [],
    load: async () => (await import('./tmux-capture.ts')).tmuxCapture,
  },
  {
    name: 'tmux list',
    args: '',
    about: 'List the running containers that have such a session',
    example: 'coi tmux list --format json',
    flags: [formatFlag('text', 'json')],
    load: async () => (await import('./tmux-list.ts')).tmuxList,
  },
];
