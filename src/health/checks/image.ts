import { systemClock } from '../../base/clock.ts';
import { Problem } from '../../base/problem.ts';
import { failed, ok, warning, type Finding, type HealthCheck } from '../check.ts';
import type { Sight } from '../sight.ts';

/** After so many days an image lacks updates that matter. */
const freshDays = 30;
const dayMs = 86_400_000;

/** Whether the image is there that sandboxes are made from unless told otherwise. */
export const imageCheck: HealthCheck = {
  name: 'image',
  group: 'CRITICAL',
  look: async (sight) => {
    const { image } = sight.settings;
    const fingerprint = await find(sight);
    if (fingerprint !== undefined) return ok(`The image "${image}" is there`, { fingerprint });
    return failed(`There is no image with the alias "${image}"`, [
      'deploy/quickstart',
      '# Or name another one in /etc/coi/config.toml: [defaults] image = "…"',
    ]);
  },
};

/** How old that image is. */
export const imageAgeCheck: HealthCheck = {
  name: 'image_age',
  group: 'STATUS',
  look: async (sight) => {
    const fingerprint = await find(sight);
    if (fingerprint === undefined) {
      throw new Problem({ code: 'health.no-image', message: 'nothing can be said without the image' });
    }
    const { uploadedAt } = await sight.incus.images.get(fingerprint, { signal: sight.signal });
    return judgeImageAge(sight.settings.image, Date.parse(uploadedAt), systemClock.now());
  },
};

/** Whether an image is too old. @param uploadedAt in milliseconds since 1970, as is `now`; NaN where nobody knows */
export function judgeImageAge(image: string, uploadedAt: number, now: number): Finding {
  const build = ['# Build it again: see images/README.md'];
  if (Number.isNaN(uploadedAt)) return warning(`Nobody knows how old the image "${image}" is`, build);
  const days = Math.floor((now - uploadedAt) / dayMs);
  const age = `The image "${image}" is ${days} days old`;
  return now - uploadedAt <= freshDays * dayMs ? ok(age) : warning(`${age}: what is in it lacks updates`, build);
}

async function find(sight: Sight): Promise<string | undefined> {
  const { images } = await sight.requireIncus();
  return images.resolve(sight.settings.image, { signal: sight.signal });
}
