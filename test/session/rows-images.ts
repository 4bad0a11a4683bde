import type { Proof } from './rows.ts';

const file = 'image/image-verbs.lab.test.ts';

function proven(...tests: string[]): Proof {
  return { file, tests };
}

/** Promises about images, but for those about building them. */
export const imageRows: Readonly<Record<string, Proof | readonly Proof[]>> = {
  'I-11': proven(
    'says whether the image of sandboxes is built, and which there are',
    'lists aliases with a prefix as a table or as JSON',
  ),
  'I-12': [
    proven(
      'makes an image of a running container, which goes on as it is, and of which nothing but its files is in it',
      'moves an alias that is there without a moment in which it stands for nothing, and names what it stood for',
      'deletes the container afterwards where that is said, and only what a command made',
    ),
    {
      file: 'image/published-identity.lab.test.ts',
      tests: [
        'an image of a running system is none of its own: what is made from it has its own names, numbers and addresses',
      ],
    },
  ],
  'I-13': proven(
    'answer by their exit codes, and say nothing on stdout',
    'refuse what sandboxes are declared with, and what has other names, unless forced',
  ),
  'I-14': proven('keeps the newest versions of a name, and what is still needed', 'needs to know how many'),
};
