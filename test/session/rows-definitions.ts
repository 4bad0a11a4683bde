import type { Proof } from './rows.ts';

const file = 'image/coi-image.lab.test.ts';

/** Promises of what images hold, and of Docker inside, by what proves them. The whole image is built by `test/run full`. */
export const definitionRows: Readonly<Record<string, Proof | readonly Proof[]>> = {
  'I-07': { file, tests: ['looks up names where DHCP says, with no server of a build left in it'] },
  'I-09': {
    file,
    tests: [
      'has the agent, a code user with sudo, and an identity that each sandbox gets for itself',
      'has the agents and Node in the versions that are pinned',
      'has what agents call',
    ],
  },
  'M-05': {
    file: 'controller/nesting.lab.test.ts',
    tests: ['have what Docker needs from the first start on', 'have none of it where the manifest lets none run'],
  },
  'M-06': {
    file,
    tests: [
      'runs containers without sudo, from an image that was made inside',
      'has docker wait for a system that has yet to start',
      'composes containers, and lets a user with another number do so',
    ],
  },
  'M-08': {
    file,
    tests: ['tidies /tmp every 15 minutes of what nobody touched for an hour, but for sockets in use'],
  },
};
