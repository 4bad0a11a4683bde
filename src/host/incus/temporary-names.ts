import { decodeTime, ulid } from 'ulid';
import type { Clock } from '../../base/clock.ts';

/** What something temporary is for. */
export type Purpose = 'publish' | 'fork';

const prefixes: Readonly<Record<Purpose, string>> = { publish: 'coi-publish-', fork: 'coi-fork-' };

/** A name for what is only there while something is made. Nobody else gives such names, see {@link isReservedName}. */
export function temporaryNameFor(purpose: Purpose, clock: Pick<Clock, 'now'>): string {
  return prefixes[purpose] + ulid(clock.now()).toLowerCase();
}

/** When a name was given so, in milliseconds since 1970; undefined for any other name. */
export function temporarySince(purpose: Purpose, name: string): number | undefined {
  const prefix = prefixes[purpose];
  const id = name.startsWith(prefix) ? name.slice(prefix.length) : '';
  return /^[0-7][0-9a-hjkmnp-tv-z]{25}$/.test(id) ? decodeTime(id.toUpperCase()) : undefined;
}

/** Whether a name was given so, for whatever purpose. */
export function isTemporaryName(name: string): boolean {
  return purposes.some((purpose) => temporarySince(purpose, name) !== undefined);
}

/** Whether a name could be taken for one, so that nobody may give it. */
export function isReservedName(name: string): boolean {
  return purposes.some((purpose) => name.startsWith(prefixes[purpose]));
}

const purposes = Object.keys(prefixes) as Purpose[];
