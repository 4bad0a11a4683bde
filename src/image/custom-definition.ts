import { resolve } from 'node:path';
import { messageOf, Problem } from '../base/problem.ts';
import type { Definition } from './definition.ts';
import { maxTextBytes, readPlainFile } from './read-plain-file.ts';
import { requireImageName } from './require-image-name.ts';

/** An image of one script. */
export interface CustomImage {
  /** Its alias. */
  readonly name: string;
  /** Path of a script on this host. */
  readonly script: string;
  /** Alias of what it starts from. */
  readonly base: string;
  /** Where relative paths start from. */
  readonly cwd: string;
}

/**
 * What one script on top of an image comes to as a definition.
 *
 * @throws {Problem} `image.name`; `image.circle` when that is itself; `image.no-file` when there is no such script
 */
export async function customDefinition({ name, script, base, cwd }: CustomImage): Promise<Definition> {
  requireImageName(name, 'Use');
  if (name === base) {
    throw new Problem({
      code: 'image.circle',
      message: `The image "${name}" would be built from itself`,
      hint: 'Give it another name, or name another image with --base.',
    });
  }
  const { content } = await readPlainFile(resolve(cwd, script), { maxBytes: maxTextBytes }).catch((cause: unknown) => {
    throw new Problem({
      code: 'image.no-file',
      message: `Cannot read the script ${JSON.stringify(script)}: ${messageOf(cause)}`,
      hint: (cause instanceof Problem && cause.hint) || 'Correct the path behind --script.',
      cause,
    });
  });
  return {
    name,
    description: `${base} with a script`,
    alias: name,
    bases: [{ kind: 'image', alias: base }],
    versions: {},
    steps: [{ name: 'script', trees: [], script: content, versions: {} }],
    expectations: [],
  };
}
