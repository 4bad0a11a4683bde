import type { Proof } from './rows.ts';

const container = 'container/container.lab.test.ts';
const exec = 'container/exec.lab.test.ts';
const tmux = 'container/tmux.lab.test.ts';

/** Promises of `coi container` and `coi tmux`, and what proves each of them. */
export const containerRows: Readonly<Record<string, Proof | readonly Proof[]>> = {
  'T-01': {
    file: container,
    tests: [
      'runs under just that name, by the rules of the settings, without an agent and without a workspace',
      'reaches what is public and nothing private',
      'has the limits, mounts and workspace that flags and settings give it',
      'goes when it stops, by command or from inside, where it is ephemeral, and its name is free again',
      'is refused where the name is taken, by whatever, or could not be one',
      'leaves nothing where its image is missing, what it is given is wrong, or it is called off',
    ],
  },
  'T-02': {
    file: container,
    tests: [
      'stops and starts by command, also after its end from inside, and keeps what is in it',
      'is deleted once it is stopped, or by force, with its rules and its manifest',
      'that is protected is not stopped where it would go then',
      'that a directory declares, that is held, or that is not of coi is left as it is, with what to do instead',
    ],
  },
  'T-03': {
    file: container,
    tests: [
      'runs under just that name, by the rules of the settings, without an agent and without a workspace',
      'stops and starts by command, also after its end from inside, and keeps what is in it',
    ],
  },
  'T-04': {
    file: exec,
    tests: [
      'runs as root unless told otherwise, where and with what it is told',
      'has the workspace for its directory where there is one',
      'hands over values of --env by no command line of the host, also to what has a terminal',
    ],
  },
  'T-05': {
    file: exec,
    tests: [
      'captures both streams and the exit code as JSON, and ends well itself',
      'gives the very bytes of stdout, and the exit code, with --format raw',
    ],
  },
  'T-06': { file: exec, tests: ['refuses flags that exclude each other with an exit code of their own'] },
  'T-07': { file: exec, tests: ['gives a terminal with -t, in one and where there is none'] },
  'T-08': { file: exec, tests: ['passes streams of any bytes, the exit code and signals through'] },
  'T-09': {
    file: container,
    tests: [
      'gets mounts while it runs, which stay over a restart: shifted or not, to be written or only read',
      'that ended by itself is not started by a mount',
      'that a directory declares, that is held, or that is not of coi is left as it is, with what to do instead',
    ],
  },
  'T-10': { file: container, tests: ['is listed with all others, as Incus has it, as text and as JSON'] },
  'X-01': {
    file: tmux,
    tests: [
      'types a text just as it is, whatever it holds, and Enter',
      'shows up in the pane of the agent, who runs as the code user, and can be read there',
      'says when a container does not run, or is none',
    ],
  },
  'X-02': {
    file: tmux,
    tests: ['shows up in the pane of the agent, who runs as the code user, and can be read there'],
  },
  'X-03': { file: tmux, tests: ['lists those that run and have one, of the own prefix'] },
};
