import type { Incus } from '../host/incus/client.ts';
import { isTemporary } from './temporary.ts';
import { parseVersion, renderVersion } from './versions.ts';
import type { Clock } from '../base/clock.ts';

/** What giving names needs. */
export interface NameTools {
  readonly incus: Pick<Incus, 'images'>;
  readonly clock: Pick<Clock, 'now'>;
  readonly signal: AbortSignal;
}

/** What an alias stood for before it is moved. */
export interface Former {
  readonly fingerprint: string;
  /** The alias that it was given because it had no other. */
  readonly alias?: string;
}

/** Gives the image that an alias stands for another alias, unless it has one: so nothing is without a name once it is moved. */
export async function nameFormer(tools: NameTools, alias: string): Promise<Former | undefined> {
  const { incus, signal } = tools;
  const { images } = incus;
  const fingerprint = await images.resolve(alias, { signal });
  if (fingerprint === undefined) return undefined;
  const former = await images.get(fingerprint, { signal });
  if (former.aliases.some((each) => each !== alias && !isTemporary(each))) return { fingerprint };
  const at = Date.parse(former.uploadedAt) || tools.clock.now();
  const name = await freeVersion(tools, parseVersion(alias)?.name ?? alias, at);
  await images.setAlias(name, fingerprint, { signal });
  return { fingerprint, alias: name };
}

/** The alias of a version of that time, in milliseconds since 1970, or of the next second that is free. */
export async function freeVersion({ incus, signal }: NameTools, name: string, at: number): Promise<string> {
  for (let time = at; ; time += 1_000) {
    const alias = renderVersion(name, time);
    if ((await incus.images.resolve(alias, { signal })) === undefined) return alias;
  }
}
