import type { Instruments } from './instruments.ts';
import type { BuildOutcome } from './labels.ts';

/** One declared image as metrics see it. */
export interface ImageState {
  readonly image: string;
  readonly ready: boolean;
  /** Milliseconds since 1970; undefined while there is none. */
  readonly builtAt: number | undefined;
}

/** Images that are declared, and their builds. */
export function imageMetrics(instruments: Instruments) {
  let read: () => Iterable<ImageState> = () => [];
  const builds = instruments.counter('image_builds_total');
  const seconds = instruments.histogram('image_build_seconds');
  instruments.gauge('image_ready', function* () {
    for (const { image, ready } of read()) yield { labels: { image }, value: Number(ready) };
  });
  instruments.gauge('image_built_timestamp_seconds', function* () {
    for (const { image, builtAt } of read())
      if (builtAt !== undefined) yield { labels: { image }, value: builtAt / 1_000 };
  });
  return {
    /** Read the images from here at every scrape. Those it no longer names have no series any more. */
    follow(readStates: () => Iterable<ImageState>): void {
      read = readStates;
    },
    /** A build ended. */
    built({ outcome, seconds: took }: { readonly outcome: BuildOutcome; readonly seconds: number }): void {
      builds({ outcome });
      seconds({}, took);
    },
  };
}
