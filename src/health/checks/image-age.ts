import { renderDuration } from '../../base/units.ts';
import type { Image } from '../../host/incus/images.ts';
import { ok, unknown, warning, type Finding, type HealthCheck } from '../check.ts';
import { findImage, imageName } from '../find-image.ts';
import { orWarning } from '../unseen.ts';

const dayMs = 86_400_000;
/** Longest age without a word, in days. */
const oldestDays = 30;
/** Before that there was no Linux container image: the maker gave all files the same time, and means none. */
const firstMs = Date.parse('2010-01-01T00:00:00Z');

/** Whether the image is new enough for what is in it to be without known holes. */
export const imageAgeCheck: HealthCheck = {
  name: 'image_age',
  group: 'STORAGE',
  look: async (sight) => {
    await sight.requireIncus();
    return orWarning(async () => {
      const image = await findImage(sight);
      if (!image) return unknown('There is no image that could be old');
      return judgeAge(image, imageName(sight), sight.now);
    });
  },
};

/** From when the image was made, or from when it came here if its maker does not say. */
export function judgeAge(
  { createdAt, uploadedAt }: Pick<Image, 'createdAt' | 'uploadedAt'>,
  name: string,
  now: number,
): Finding {
  const since = [createdAt, uploadedAt].map((text) => Date.parse(text)).find((ms) => ms >= firstMs);
  const fix = [
    '# Build it anew and import it under the same name; sandboxes that are there keep theirs. See images/README.md',
  ];
  if (since === undefined) return warning(`How old the image "${name}" is cannot be told`, fix);
  const age = now - since;
  const text = `The image "${name}" is ${renderDuration(age)} old`;
  return age > oldestDays * dayMs ? warning(`${text}: what is in it may have known holes`, fix) : ok(text);
}
