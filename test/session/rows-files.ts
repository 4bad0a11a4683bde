import type { Proof } from './rows.ts';

const lab = 'cli/file.lab.test.ts';
const trees = { file: 'cli/file-trees.lab.test.ts', tests: ['is the same inside, and the same again here'] };

/** Promises of `coi file`, by their numbers in the list of what the original does, and what proves each of them here. */
export const fileRows: Readonly<Record<string, Proof | readonly Proof[]>> = {
  'F-01': [
    {
      file: lab,
      tests: [
        'copies a file under the name that was asked for, or into a directory, over what is there',
        'copies a directory with all that is in it, into one that is there or as what was asked for',
        'merges into what is there, deletes nothing, and says what it did as JSON',
      ],
    },
    trees,
  ],
  'F-02': [
    {
      file: lab,
      tests: [
        'copies a file as the user who asks, under the name that was asked for, over what is there',
        'merges a directory into what is there: the target is as asked for, and siblings are untouched',
      ],
    },
    trees,
  ],
  'F-03': {
    file: lab,
    tests: [
      'refuses $what with exit code $code, and changes nothing',
      'works with a container that is stopped, or frozen, or named by its sandbox',
    ],
  },
};
