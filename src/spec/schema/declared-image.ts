import { z } from 'zod';
import { builtIn } from '../defaults.ts';
import { field } from './field.ts';
import { cronExpression, definitionPlace, homePath, homePathAllowed, imageName, timezone } from './formats.ts';

/** One image that the controller builds and refreshes by itself: `[image.NAME]`, where NAME is the alias it is to have. */
export const declaredImageSchema = z.strictObject({
  definition: field(definitionPlace, {
    description:
      'What it is built from: the name of a definition, or the path of its folder. Its alias has to be NAME. The definition ' +
      'that is called NAME, unless this or `script` says otherwise.',
    allowed: 'the name of a definition, or the path of its folder',
  }),
  script: field(homePath, {
    description: 'A script that is run as root on top of `base`, in place of a definition.',
    allowed: homePathAllowed,
  }),
  base: field(imageName, {
    description: 'Image that the script is run on.',
    default: builtIn.image,
    allowed: 'the alias or fingerprint of an image',
  }),
  schedule: field(cronExpression, {
    description:
      'When it is built anew, whether or not anything changed: what it takes from elsewhere may be newer. Without it only ' +
      'when it is missing or its definition, script or base changed.',
    allowed: 'five cron fields such as "0 4 * * 1"',
  }),
  timezone: field(timezone, {
    description: 'Time zone of the schedule.',
    default: builtIn.timezone,
    allowed: 'a time zone such as "Europe/Warsaw"',
  }),
  keep: field(z.int().min(1).max(1_000), {
    description: 'How many versions of it stay. `images.keep` of the settings unless given.',
    allowed: 'a whole number from 1 to 1000',
  }),
});

/** What one table says: only what was written there. */
export type ImageLayer = z.infer<typeof declaredImageSchema>;
