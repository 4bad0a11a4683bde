import { z } from 'zod';
import { parseSize } from '../base/units.ts';
import { field } from '../spec/schema/field.ts';
import { duration, durationAllowed, imageAlias, imageName, userName } from '../spec/schema/formats.ts';

const relativePath = z.string().regex(/^[^/\0][^\0]*$/);

const source = z.union([
  imageName,
  z.strictObject({ image: imageName }),
  z.strictObject({ definition: imageAlias }),
  z.strictObject({ remote: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]*:[A-Za-z0-9][A-Za-z0-9._/-]*$/) }),
  z.strictObject({ packages: z.literal(true) }),
]);

const step = z.strictObject({
  name: z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,39}$/)
    .meta({ description: 'Its name.', allowed: 'letters, digits, dots and dashes' }),
  script: field(relativePath, {
    description: 'File of the folder that runs as root inside, by its own `#!` line.',
    allowed: 'the path of a file in the folder',
  }),
  files: field(z.array(relativePath), {
    description: 'Folders whose content is laid over `/` before the script runs.',
    allowed: 'a list of folders in the folder',
  }),
  timeout: field(duration, {
    description: 'How long its script may take.',
    default: '2h',
    allowed: durationAllowed,
  }),
});

const expect = z.strictObject({
  command: z.array(z.string().min(1)).min(1).meta({ description: 'Argument vector.', allowed: 'a list of texts' }),
  user: field(userName, { description: 'Who runs it.', default: 'root', allowed: 'a user name such as "code"' }),
});

/** What stands in an `image.toml`. */
export const definitionSchema = z.strictObject({
  description: z
    .string()
    .regex(/^\P{Cc}+$/u)
    .meta({ description: 'One line.', allowed: 'a line of text' }),
  base: z.union([source, z.array(source).min(1)]).meta({
    description: 'What it starts from; of a list the first that there is.',
    allowed:
      '"ALIAS", { image = }, { definition = }, { remote = "NAME:ALIAS" }, { packages = true }, or a list of them',
  }),
  alias: field(imageAlias, { description: 'Alias of the image; the name of the folder unless given.' }),
  versions: field(
    z
      .record(z.string(), z.string())
      .refine(hasNames, 'Names are letters, digits, "_" and "-", and begin with a letter.'),
    {
      description: 'What is pinned: `VERSION_NAME` in the environment of steps that mention it.',
      allowed: 'names with texts',
    },
  ),
  step: field(z.array(step).refine(areDistinct, 'Each step needs a name of its own.'), {
    description: 'What is done, in this order.',
    allowed: 'tables with name, script and files, each with a name of its own',
  }),
  expect: field(z.array(expect), { description: 'What has to succeed in the finished image.' }),
  size: field(
    z.strictObject({
      max: z
        .string()
        .refine((text) => parseSize(text) !== undefined)
        .meta({ description: 'Largest published image.', allowed: 'a size such as "6GiB"' }),
    }),
    { description: 'What its size is held to.' },
  ),
});

/** One `image.toml` as it was written. */
export type DefinitionFile = z.infer<typeof definitionSchema>;

function hasNames(versions: Readonly<Record<string, string>>): boolean {
  return Object.entries(versions).every(
    ([name, value]) => /^[A-Za-z][A-Za-z0-9_-]*$/.test(name) && !value.includes('\0'),
  );
}

function areDistinct(steps: readonly { readonly name: string }[]): boolean {
  return new Set(steps.map(({ name }) => name)).size === steps.length;
}
