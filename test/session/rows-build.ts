import type { Proof } from './rows.ts';

const file = 'image/build.lab.test.ts';

function proven(...tests: string[]): Proof {
  return { file, tests };
}

const once = 'builds an image once, prints its names, and builds what has changed of it';

/** Promises about building images. */
export const buildRows: Readonly<Record<string, Proof | readonly Proof[]>> = {
  'I-01': proven(once, 'does not replace one that somebody else made, unless that is asked for'),
  'I-02': proven('works in any directory, also by the path of a definition'),
  'I-03': proven(once),
  'I-04': proven('builds an image with a script once, and prints what it is as JSON'),
  'I-05': proven('fails without a script, without a base, and with a name that is none'),
  'I-06': proven(
    'are looked up at public servers for the build where the container asks itself, and for good where it must',
  ),
  'I-07': proven('are left to the servers of the container where those answer'),
  'I-08': proven(once, 'ends its part on a signal, and leaves nothing half-made'),
  'I-10': proven('waits for another one of the same image, and then has nothing to do; others go side by side'),
};
