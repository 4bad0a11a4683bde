import { pause, type Clock } from '../base/clock.ts';
import { messageOf } from '../base/problem.ts';
import type { KeepRule } from './keep.ts';
import type { RemoveTools } from './remove-versions.ts';
import { retainVersions } from './retain.ts';
import type { ImageUser } from './users.ts';

/** What a controller keeps images with. */
export interface KeepImagesInit extends RemoveTools {
  readonly clock: Clock;
  /** How many versions of each image stay. */
  readonly keep: KeepRule['keep'];
  /** Who needs images as of now. */
  readonly users: () => readonly ImageUser[];
  /** Is told what went, and why nothing could. */
  readonly tell: (text: string, isFailure: boolean) => void;
}

/** Not at once: a host that starts has other things to do. */
const firstMs = 600_000;
const everyMs = 86_400_000;

/** Once a day, have old versions of images go that definitions made; until the signal aborts. */
export async function keepImages({ clock, keep, users, tell, ...tools }: KeepImagesInit): Promise<void> {
  const { signal } = tools;
  for (let ms = firstMs; ; ms = everyMs) {
    await pause(clock, ms, signal);
    if (signal.aborted) return;
    try {
      for (const alias of await retainVersions(tools, { keep, users: users() })) tell(`Removed ${alias}`, false);
    } catch (error) {
      // Incus may be away: tomorrow is soon enough.
      if (!signal.aborted) tell(messageOf(error), true);
    }
  }
}
