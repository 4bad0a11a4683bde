import { fileURLToPath } from 'node:url';
import type { Running } from '../running.ts';

const script = fileURLToPath(new URL('tap.pl', import.meta.url));

/** Packets that carried the mark of a technique. `place`: the link they came in on, or their protocol. */
export interface Sighting {
  readonly technique: number;
  readonly guest: number;
  readonly packets: number;
  readonly bytes: number;
  readonly place: string;
}

/** What came since the last look. `stray`: frames without a mark that nobody's own housekeeping explains, in hex. */
export interface Look {
  readonly sightings: readonly Sighting[];
  readonly stray: readonly string[];
}

/** The argument vector of a tap: see `tap.pl`. */
export function tapArgv(kind: 'links' | 'programs'): string[] {
  return ['perl', script, kind];
}

/** Counts packets at one spot. */
export class Tap {
  readonly #running: Running;
  #asked = 0;

  constructor(running: Running) {
    this.#running = running;
  }

  async ready(): Promise<void> {
    await this.#running.printed(/^tapping$/m);
  }

  async look(): Promise<Look> {
    this.#asked += 1;
    this.#running.write('\n');
    const [, answer = ''] = await this.#running.printed(new RegExp(`^answer ${this.#asked}: (.*)$`, 'm'), 30_000);
    const parts = answer.split('; ').filter((part) => part !== '');
    return {
      sightings: parts.filter((part) => !part.startsWith('stray')).map(sighting),
      stray: parts.filter((part) => part.startsWith('stray')),
    };
  }
}

function sighting(text: string): Sighting {
  const [technique = 0, guest = 0, packets = 0, bytes = 0] = text.split(' ', 4).map(Number);
  return { technique, guest, packets, bytes, place: text.split(' ')[4] ?? '' };
}
