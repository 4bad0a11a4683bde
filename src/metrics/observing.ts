import type { Instruments } from './instruments.ts';
import type { Stream } from './labels.ts';

/** How well the controller sees: streams of events, age of the last complete look, and whether it may act. */
export function observingMetrics(instruments: Instruments) {
  const up = new Map<Stream, () => boolean>();
  let readAge = () => 0;
  let readLeader = () => false;
  instruments.gauge('event_stream_up', () =>
    [...up].map(([stream, isUp]) => ({ labels: { stream }, value: Number(isUp()) })),
  );
  const gaps = instruments.counter('event_gaps_total');
  instruments.gauge('observe_age_seconds', () => [{ labels: {}, value: readAge() }]);
  instruments.gauge('leader', () => [{ labels: {}, value: Number(readLeader()) }]);
  return {
    /** Ask at every scrape whether a stream is up. A stream that nobody follows counts as down. */
    followStream(stream: Stream, isUp: () => boolean): void {
      up.set(stream, isUp);
    },
    /** Events of a stream may have been missed. */
    gap: (stream: Stream) => gaps({ stream }),
    /** Read the age of the last complete look, in seconds, at every scrape. */
    followAge(read: () => number): void {
      readAge = read;
    },
    /** Ask at every scrape whether the lock is held. */
    followLeader(read: () => boolean): void {
      readLeader = read;
    },
  };
}
