import { z } from 'zod';
import { builtIn } from '../defaults.ts';
import { field } from './field.ts';

/** How images are built and kept. */
export const imagesSection = z.strictObject({
  keep: field(z.int().min(1).max(1_000), {
    description: 'How many versions of each image that a definition made stay. What another alias means stays as well.',
    default: builtIn.images.keep,
    allowed: 'a whole number from 1 to 1000',
  }),
  network: field(z.enum(['open', 'restricted']), {
    description: 'What a container may reach while an image is built in it.',
    default: builtIn.images.network,
  }),
});
