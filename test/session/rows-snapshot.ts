import type { Proof } from './rows.ts';

const commands = 'session/snapshot.lab.test.ts';
const byHand = 'controller/snapshots.lab.test.ts';

function proven(file: string, ...tests: string[]): Proof {
  return { file, tests };
}

/** Promises about snapshots, and what proves each of them. */
export const snapshotRows: Readonly<Record<string, Proof | readonly Proof[]>> = {
  'P-01': proven(
    commands,
    'makes one by name or by the hour, and none twice',
    'refuses names that would harm, and what Incus cannot do, each with its reason',
  ),
  'P-02': proven(
    commands,
    'shows those of a container, the oldest first, as text and as JSON',
    'shows those of all containers by name',
  ),
  'P-03': [
    proven(
      commands,
      'brings the disk back, and leaves the workspace as it is',
      'takes one that is stopped, that there is, and without what ran',
    ),
    proven(byHand, 'changes files only: what is declared holds, and its rules'),
  ],
  'P-04': proven(
    commands,
    'deletes one without asking, and all of them with',
    'exits with 2 where it is not said what, and with 1 where that is not there',
  ),
  'P-05': proven(commands, 'says what is known of one, as text and as JSON'),
  'P-06': proven(
    commands,
    'is the one of the flag, else of the environment, else the only one of the workspace',
    'is to be said where the workspace has several',
  ),
};
