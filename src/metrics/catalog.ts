import * as labels from './labels.ts';

/** A label whose values are not known beforehand: names, addresses of code. Series appear with their first event. */
const open = 'open';

const quick = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
const slow = [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 900];

const long = [1, 5, 15, 30, 60, 120, 300, 600, 1_200, 2_400, 3_600];

/** What one metric is. Names here lack the prefix `coi_`. */
export interface Definition {
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly help: string;
  readonly labels: Readonly<Record<string, readonly string[] | 'open'>>;
  /** Upper bounds of a histogram's buckets, in seconds. */
  readonly buckets?: readonly number[];
}

/** Every metric of the controller. deploy/prometheus/METRICS.md is generated from it. */
export const catalog = {
  build_info: { type: 'gauge', help: 'Always 1; the labels say what runs.', labels: { version: open, node: open } },
  leader: { type: 'gauge', help: '1 while this process holds the lock of the host controller.', labels: {} },
  bugs_total: { type: 'counter', help: 'Defects of coi that were caught and survived.', labels: {} },

  reconcile_total: {
    type: 'counter',
    help: 'Visits to keys, by how they ended.',
    labels: { controller: labels.controllers, result: labels.reconcileResults },
  },
  reconcile_duration_seconds: {
    type: 'histogram',
    help: 'Length of one visit to a key, all its steps included.',
    labels: { controller: labels.controllers },
    buckets: slow,
  },
  workqueue_depth: {
    type: 'gauge',
    help: 'Keys that are ready and wait for a worker.',
    labels: { priority: labels.queuePriorities },
  },
  workqueue_delayed: { type: 'gauge', help: 'Keys that are due later: retries, timers, resync.', labels: {} },
  workqueue_adds_total: { type: 'counter', help: 'Requests to look at a key, before duplicates collapse.', labels: {} },
  workqueue_retries_total: { type: 'counter', help: 'Keys that were put back because their visit failed.', labels: {} },
  workqueue_wait_seconds: {
    type: 'histogram',
    help: 'Time between a key being ready and a worker taking it.',
    labels: {},
    buckets: quick,
  },
  workqueue_work_seconds: { type: 'histogram', help: 'Time a worker keeps a key.', labels: {}, buckets: slow },
  workqueue_longest_running_seconds: {
    type: 'gauge',
    help: 'Age of the visit that has been running longest; 0 when none runs.',
    labels: {},
  },
  workers: {
    type: 'gauge',
    help: 'Workers that are busy, and how many there are.',
    labels: { state: ['busy', 'max'] },
  },

  steps_total: {
    type: 'counter',
    help: 'Steps carried out, by kind and outcome. A conflict only asks for a fresh look.',
    labels: { kind: labels.stepKinds, outcome: labels.stepOutcomes },
  },
  step_duration_seconds: {
    type: 'histogram',
    help: 'Length of one step.',
    labels: { kind: labels.stepKinds },
    buckets: slow,
  },

  sandboxes: {
    type: 'gauge',
    help: 'Sandboxes that are declared or exist, by phase.',
    labels: { phase: labels.phases },
  },
  sandbox_info: {
    type: 'gauge',
    help: 'Always 1; one series per sandbox, gone with it. "held": not declared any more and kept.',
    labels: {
      name: open,
      source: open,
      revision: open,
      ready: ['true', 'false', 'held'],
      suspended: ['true', 'false'],
    },
  },
  sandbox_conditions: {
    type: 'gauge',
    help: 'Sandboxes that have a condition with this status.',
    labels: { type: labels.conditionTypes, status: labels.conditionStatuses },
  },
  sandboxes_stalled: {
    type: 'gauge',
    help: 'Sandboxes that wait for somebody to change something, by reason.',
    labels: { reason: labels.stallReasons },
  },
  first_ready_seconds: {
    type: 'histogram',
    help: 'From a manifest being seen to its new sandbox being Ready for the first time.',
    labels: {},
    buckets: slow,
  },
  convergence_seconds: {
    type: 'histogram',
    help: 'From a change being seen to the sandbox being Ready again.',
    labels: {},
    buckets: slow,
  },
  deletion_seconds: {
    type: 'histogram',
    help: 'From the first step of a teardown to nothing being left.',
    labels: {},
    buckets: slow,
  },

  drift_detected_total: {
    type: 'counter',
    help: 'Fields found changed by somebody else, by part of the instance.',
    labels: { class: labels.driftClasses },
  },
  drift_seconds: {
    type: 'histogram',
    help: 'From drift being noticed to it being put right.',
    labels: {},
    buckets: slow,
  },
  fight_heat_max: {
    type: 'gauge',
    help: 'Repairs per minute of the field that is put right most often; above 4.5 it is left alone.',
    labels: {},
  },

  prune_total: {
    type: 'counter',
    help: 'Removals of what is no longer declared or lost its owner.',
    labels: { kind: labels.pruneKinds, outcome: labels.pruneOutcomes },
  },
  prune_blocked_total: {
    type: 'counter',
    help: 'Times that the deletion of a sandbox began to be held back, by reason.',
    labels: { reason: labels.pruneBlocks },
  },
  orphans: {
    type: 'gauge',
    help: 'Things of ours whose owner is gone and that are still there.',
    labels: { kind: labels.pruneKinds },
  },
  unmanaged: {
    type: 'gauge',
    help: 'Things that look like ours and are never touched, because the stamp is missing or not theirs.',
    labels: { kind: labels.unmanagedKinds },
  },

  source_last_success_timestamp_seconds: {
    type: 'gauge',
    help: 'When a source was last read completely, seconds since 1970; 0 when it never was.',
    labels: { source: open },
  },
  source_complete: {
    type: 'gauge',
    help: '1 when the newest read of a source was complete. Only then may anything be pruned.',
    labels: { source: open },
  },
  source_manifests: { type: 'gauge', help: 'Sandboxes that a source declares.', labels: { source: open } },
  source_errors_total: {
    type: 'counter',
    help: 'Reads of a source that were not complete.',
    labels: { source: open, reason: labels.sourceErrors },
  },

  observe_age_seconds: { type: 'gauge', help: 'Age of the last complete look at all instances.', labels: {} },
  event_stream_up: {
    type: 'gauge',
    help: '1 while events arrive; without them changes are only found by the next full look.',
    labels: { stream: labels.streams },
  },
  event_gaps_total: {
    type: 'counter',
    help: 'Times that events may have been missed, each followed by a full look.',
    labels: { stream: labels.streams },
  },
  incus_requests_total: {
    type: 'counter',
    help: 'Calls to Incus by status, or by error where there was no reply.',
    labels: { code: open, method: open, route: open },
  },
  incus_request_failures_total: {
    type: 'counter',
    help: 'Calls to Incus that ended with 5xx (server) or without a reply (silent).',
    labels: { kind: labels.incusFailures },
  },
  incus_request_duration_seconds: {
    type: 'histogram',
    help: 'Length of one call to Incus; waiting for background operations counts as a call.',
    labels: { method: open, route: open },
    buckets: quick,
  },

  network_ready: {
    type: 'gauge',
    help: '1 while tables, chains and block policies are in place. Without them nothing is started.',
    labels: {},
  },
  dns_queries_total: {
    type: 'counter',
    help:
      'Questions of sandboxes with an allowlist, by how they ended. "stale": no server answered, and what was known ' +
      'before was told. "limited": too many. "dropped": no question, or from nobody.',
    labels: { result: labels.queryResults },
  },
  sandbox_denied_packets_total: {
    type: 'counter',
    help: 'Packets that the network rules refused a sandbox, as of a look at most half a minute ago; gone with it.',
    labels: { name: open },
  },
  nft_apply_seconds: { type: 'histogram', help: 'Length of one nft transaction.', labels: {}, buckets: quick },
  nft_apply_failures_total: { type: 'counter', help: 'nft transactions that were refused.', labels: {} },
  nft_drift_total: { type: 'counter', help: 'Times that rules were found changed by somebody else.', labels: {} },
  xfrm_drift_total: {
    type: 'counter',
    help: 'Times that block policies were found changed by somebody else.',
    labels: {},
  },

  image_ready: {
    type: 'gauge',
    help: '1 while a declared image is as declared. One series per image, gone with its declaration.',
    labels: { image: open },
  },
  image_built_timestamp_seconds: {
    type: 'gauge',
    help: 'When a declared image was built, seconds since 1970; none while there is none.',
    labels: { image: open },
  },
  image_builds_total: {
    type: 'counter',
    help: 'Builds of declared images that ended, by how.',
    labels: { outcome: labels.buildOutcomes },
  },
  image_build_seconds: {
    type: 'histogram',
    help: 'Length of one build of a declared image.',
    labels: {},
    buckets: long,
  },

  detections_total: {
    type: 'counter',
    help: 'Detections by rule, severity and sensor, repeated ones included.',
    labels: { rule: open, severity: labels.detectionSeverities, sensor: labels.monitorSensors },
  },
  detections_by_severity_total: {
    type: 'counter',
    help: 'The same by severity alone: all series are there from the start, so that alerts see the first one.',
    labels: { severity: labels.detectionSeverities },
  },
  responses_total: {
    type: 'counter',
    help: 'What was to follow from detections, and what did.',
    labels: { response: labels.detectionResponses, outcome: labels.responseOutcomes },
  },
  detection_seconds: {
    type: 'histogram',
    help: 'From an event inside a sandbox to the decision about it.',
    labels: {},
    buckets: quick,
  },
  monitor_events_total: {
    type: 'counter',
    help: 'Events that sensors saw.',
    labels: { sensor: labels.monitorSensors },
  },
  monitor_dropped_total: {
    type: 'counter',
    help: 'Events that sensors saw and could not look into.',
    labels: { sensor: labels.monitorSensors },
  },
  monitor_sensor_up: {
    type: 'gauge',
    help: '1 while a sensor works with all it has, 0.5 while it sees less (fallback), 0 when it failed. One that nobody needs has no series.',
    labels: { sensor: labels.monitorSensors, source: open },
  },
  monitor_watched_sandboxes: { type: 'gauge', help: 'Sandboxes that are watched.', labels: {} },
  detection_log_records_total: { type: 'counter', help: 'Lines written to detection logs.', labels: {} },
  detection_log_dropped_total: { type: 'counter', help: 'Lines that detection logs could not take.', labels: {} },
  detection_log_limited_total: {
    type: 'counter',
    help: 'Detections beyond what one sandbox may have in a minute: counted in one line.',
    labels: {},
  },
  notifications_total: {
    type: 'counter',
    help: 'Notifications by how they ended.',
    labels: { channel: labels.notificationChannels, outcome: labels.notificationOutcomes },
  },

  audit_records_total: { type: 'counter', help: 'Records written to the audit log.', labels: {} },
  audit_dropped_total: { type: 'counter', help: 'Records that the audit log could not take.', labels: {} },

  process_start_time_seconds: { type: 'gauge', help: 'When the process began, seconds since 1970.', labels: {} },
  process_cpu_seconds_total: { type: 'counter', help: 'CPU time used.', labels: { mode: ['user', 'system'] } },
  process_resident_memory_bytes: { type: 'gauge', help: 'Memory that is really in use.', labels: {} },
  process_heap_bytes: { type: 'gauge', help: 'Memory in use by JavaScript objects.', labels: {} },
  process_open_fds: { type: 'gauge', help: 'Open file descriptors.', labels: {} },
  event_loop_utilization_ratio: {
    type: 'gauge',
    help: 'Share of the time since the last scrape in which the event loop was busy, 0 to 1.',
    labels: {},
  },
} as const satisfies Record<string, Definition>;

/** Prefix of every name, as Prometheus sees it. */
export const metricPrefix = 'coi_';
