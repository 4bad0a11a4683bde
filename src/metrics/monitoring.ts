import type { Instruments } from './instruments.ts';
import type {
  DetectionResponse,
  DetectionSeverity,
  MonitorSensor,
  NotificationChannel,
  NotificationOutcome,
  ResponseOutcome,
} from './labels.ts';

/** One sensor as metrics see it. */
export interface SensorState {
  readonly sensor: MonitorSensor;
  readonly state: 'active' | 'fallback' | 'off' | 'failed';
  /** How it looks. */
  readonly source: string;
  /** Since the start. */
  readonly seen: number;
  readonly dropped: number;
}

/** Counters that the detection log keeps itself. */
export interface FollowedDetectionLog {
  readonly counts: { readonly written: number; readonly dropped: number; readonly limited: number };
}

/** A detection as metrics see it. */
export interface CountedDetection {
  readonly rule: string;
  readonly severity: DetectionSeverity;
  readonly sensor: MonitorSensor;
  readonly response: DetectionResponse;
  readonly outcome: ResponseOutcome;
  /** Between the event and the decision about it. */
  readonly seconds: number;
}

const upValues = { active: 1, fallback: 0.5, failed: 0 } as const;

/** What sensors see, what was detected, what followed, and whether it could be written down and told. */
export function monitoringMetrics(instruments: Instruments) {
  const parts = { ...detectionCounters(instruments), ...sensorReadings(instruments) };
  let log: FollowedDetectionLog['counts'] = { written: 0, dropped: 0, limited: 0 };
  instruments.followedCounter('detection_log_records_total', () => [{ labels: {}, value: log.written }]);
  instruments.followedCounter('detection_log_dropped_total', () => [{ labels: {}, value: log.dropped }]);
  instruments.followedCounter('detection_log_limited_total', () => [{ labels: {}, value: log.limited }]);
  const notifications = instruments.counter('notifications_total');
  return {
    ...parts,
    /** Read the counters of this log from now on. */
    followLog(followed: FollowedDetectionLog): void {
      log = followed.counts;
    },
    /** Notifications were sent, or given up. */
    notified(channel: NotificationChannel, outcome: NotificationOutcome, count = 1): void {
      notifications({ channel, outcome }, count);
    },
  };
}

function detectionCounters(instruments: Instruments) {
  const detections = instruments.counter('detections_total');
  const bySeverity = instruments.counter('detections_by_severity_total');
  const responses = instruments.counter('responses_total');
  const seconds = instruments.histogram('detection_seconds');
  return {
    /** A rule applied to an event, and this followed. */
    detected({ rule, severity, sensor, response, outcome, seconds: took }: CountedDetection): void {
      detections({ rule, severity, sensor });
      bySeverity({ severity });
      responses({ response, outcome });
      seconds({}, took);
    },
  };
}

function sensorReadings(instruments: Instruments) {
  let readSensors: () => Iterable<SensorState> = () => [];
  let readWatched = () => 0;
  instruments.followedCounter('monitor_events_total', function* () {
    for (const { sensor, seen } of readSensors()) yield { labels: { sensor }, value: seen };
  });
  instruments.followedCounter('monitor_dropped_total', function* () {
    for (const { sensor, dropped } of readSensors()) yield { labels: { sensor }, value: dropped };
  });
  instruments.gauge('monitor_sensor_up', function* () {
    for (const { sensor, state, source } of readSensors()) {
      if (state !== 'off') yield { labels: { sensor, source }, value: upValues[state] };
    }
  });
  instruments.gauge('monitor_watched_sandboxes', () => [{ labels: {}, value: readWatched() }]);
  return {
    /** Read the sensors from here at every scrape. Their counters only grow. */
    followSensors(read: () => Iterable<SensorState>): void {
      readSensors = read;
    },
    /** Ask at every scrape how many sandboxes are watched. */
    followWatched(read: () => number): void {
      readWatched = read;
    },
  };
}
