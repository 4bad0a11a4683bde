import type { Metrics } from '../metrics/open-metrics.ts';
import type { Monitoring } from '../spec/monitoring.ts';
import type { DetectionEntry } from './detection-sink.ts';
import type { Monitor } from './monitor.ts';
import { responseTo } from './responses/ladder.ts';

/** Have the metrics say how the monitor is doing. */
export function followMonitor({ monitoring }: Metrics, monitor: Monitor): void {
  monitoring.followSensors(() => monitor.statuses());
  monitoring.followWatched(() => monitor.watchedCount);
}

/** Count a line of the detection log. */
export function countDetection(
  { monitoring }: Metrics,
  { match, outcome, at }: DetectionEntry,
  watched: Monitoring,
): void {
  const { rule, sensor, event } = match;
  const response = responseTo(rule, watched);
  const seconds = Math.max(0, at - event.at) / 1_000;
  monitoring.detected({ rule: rule.id, severity: rule.severity, sensor, response, outcome, seconds });
}
