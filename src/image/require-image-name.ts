import { Problem } from '../base/problem.ts';
import { imageAlias } from '../spec/schema/formats.ts';

/**
 * @param hint how to give another one
 * @throws {Problem} `image.name` unless an image can be called so, and its versions by it with a time
 */
export function requireImageName(name: string, hint: string): void {
  if (imageAlias.safeParse(name).success) return;
  throw new Problem({
    code: 'image.name',
    message: `${JSON.stringify(name.slice(0, 80))} cannot be the name of an image`,
    hint: `${hint}: up to 63 lower-case letters, digits, dots, dashes and underscores, and no time as versions have it.`,
  });
}
