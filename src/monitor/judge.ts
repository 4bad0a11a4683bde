import type { Match } from './detection.ts';
import type { SensorEvent } from './event.ts';
import type { WatchedContainer } from './sensor.ts';

/** Says which rules apply to an event: a set of rules. Usually none do. */
export interface Judge {
  judge(event: SensorEvent, container: WatchedContainer): readonly Match[];
}
