/** Series in promtool's notation, one value per step. */
export type Series = Readonly<Record<string, string>>;

/** One alert, with a world in which it fires and the nearest one in which it must not. */
export interface AlertCase {
  readonly alert: string;
  /** When it is looked at. */
  readonly at: string;
  readonly firing: Series;
  readonly quiet: Series;
  /** Time between values and between evaluations; a minute unless given. */
  readonly step?: string;
}

const host = 'instance="h",job="coi"';

/** The same series, firing and quiet. */
function value(alert: string, at: string, [series, firing, quiet]: readonly [string, string, string]): AlertCase {
  const name = series.includes('{') ? series.replace('}', `,${host}}`) : `${series}{${host}}`;
  return { alert, at, firing: { [name]: firing }, quiet: { [name]: quiet } };
}

/** A histogram whose observations all fall into one bucket. */
function histogram(metric: string, labels: string, { below, above }: { below: string; above: string }): Series {
  const all = labels === '' ? host : `${labels},${host}`;
  return {
    [`${metric}_bucket{le="${below}",${all}}`]: '0x60',
    [`${metric}_bucket{le="${above}",${all}}`]: '0+10x60',
    [`${metric}_bucket{le="+Inf",${all}}`]: '0+10x60',
  };
}

const stalled = 'coi_sandboxes_stalled{reason="ImageMissing"}';
const gets = 'method="GET",route="/1.0/instances"';
const waits = 'method="GET",route="/1.0/operations/{id}/wait"';

export const alertCases: readonly AlertCase[] = [
  value('CoiControllerDown', '10m', ['up', '1x4 0x10', '1x4 0 1x10']),
  { alert: 'CoiControllerDown', at: '5m', firing: {}, quiet: { [`up{${host}}`]: '1x10' } },
  value('CoiControllerNotLeader', '10m', ['coi_leader', '0x20', '1x4 0x3 1x10']),
  value('CoiControllerRestarting', '20m', ['coi_process_start_time_seconds', '1 2 3 4 5x20', '1 2 3 4x20']),
  value('CoiBug', '10m', ['coi_bugs_total', '0x5 1x10', '3x20']),
  value('CoiQueueBacklog', '20m', ['coi_workqueue_depth{priority="spec"}', '51x30', '50x30']),
  value('CoiWorkerStuck', '10m', ['coi_workqueue_longest_running_seconds', '1201x20', '1200x20']),
  value('CoiStepsFailing', '20m', ['coi_steps_total{kind="create",outcome="failed"}', '0+1x30', '0+1x4 4x30']),
  value('CoiStepsFailing', '20m', ['coi_steps_total{kind="create",outcome="failed"}', '0+2x30', '20x30']),
  {
    alert: 'CoiSlowConvergence',
    at: '50m',
    firing: histogram('coi_convergence_seconds', '', { below: '120', above: '300' }),
    quiet: histogram('coi_convergence_seconds', '', { below: '30', above: '60' }),
  },
  value('CoiMemoryHigh', '40m', ['coi_process_resident_memory_bytes', '600000000x60', '200000000x60']),
  value('CoiAuditDropping', '10m', ['coi_audit_dropped_total', '0x5 2x10', '2x20']),
  value('CoiNetworkNotReady', '10m', ['coi_network_ready', '1x4 0x10', '1x9 0 1x10']),
  value('CoiNftFailing', '10m', ['coi_nft_apply_failures_total', '0+1x20', '0x5 2x20']),
  value('CoiRulesChangedByOthers', '15m', ['coi_nft_drift_total', '0+1x20', '0x5 2x20']),
  value('CoiBlockPoliciesChanged', '10m', ['coi_xfrm_drift_total', '0x5 1x20', '4x20']),
  value('CoiSandboxProbing', '30m', ['coi_sandbox_denied_packets_total{name="web"}', '0+600x40', '0+240x40']),
  value('CoiObservationStale', '10m', ['coi_observe_age_seconds', '301x20', '300x20']),
  value('CoiEventStreamDown', '10m', ['coi_event_stream_up{stream="nft"}', '1x4 0x10', '1x9 0 1x10']),
  value('CoiEventGaps', '20m', ['coi_event_gaps_total{stream="incus"}', '0+1x30', '0x10 5x20']),
  value('CoiIncusFailing', '15m', ['coi_incus_request_failures_total{kind="server"}', '0+3x30', '0+1x30']),
  {
    alert: 'CoiIncusSlow',
    at: '30m',
    firing: histogram('coi_incus_request_duration_seconds', gets, { below: '2.5', above: '5' }),
    quiet: histogram('coi_incus_request_duration_seconds', gets, { below: '0.5', above: '1' }),
  },
  {
    alert: 'CoiIncusSlow',
    at: '30m',
    firing: histogram('coi_incus_request_duration_seconds', gets, { below: '10', above: '30' }),
    // Waiting for an operation is slow by its nature.
    quiet: histogram('coi_incus_request_duration_seconds', waits, { below: '10', above: '30' }),
  },
  value('CoiSandboxStalled', '20m', [stalled, '1x30', '1x4 0x30']),
  {
    alert: 'CoiSandboxStalled',
    at: '20m',
    firing: { [stalled]: '2x30' },
    quiet: { 'coi_sandboxes_stalled{reason="Guarded"}': '5x30' },
  },
  value('CoiSandboxNotReady', '40m', [
    'coi_sandbox_info{name="web",source="s",revision="r",ready="false",suspended="false"}',
    '1x60',
    '1x20 _x40',
  ]),
  {
    alert: 'CoiSandboxNotReady',
    at: '40m',
    firing: { 'coi_sandbox_info{name="a",source="s",revision="r",ready="false",suspended="false"}': '1x60' },
    quiet: {
      'coi_sandbox_info{name="a",source="s",revision="r",ready="false",suspended="true"}': '1x60',
      'coi_sandbox_info{name="b",source="s",revision="r",ready="held",suspended="false"}': '1x60',
    },
  },
  value('CoiSandboxFailed', '20m', ['coi_sandboxes{phase="Failed"}', '1x30', '1x10 0x30']),
  value('CoiSandboxUnhealthy', '15m', [
    'coi_sandbox_conditions{type="Healthy",status="False"}',
    '1x30',
    '0x4 1x5 0x30',
  ]),
  value('CoiSandboxQuarantined', '5m', ['coi_sandbox_conditions{type="Quarantined",status="True"}', '1x10', '0x10']),
  {
    step: '10m',
    ...value('CoiSandboxSuspendedLong', '25h', [
      'coi_sandbox_info{name="web",source="s",revision="r",ready="true",suspended="true"}',
      '1x160',
      '1x60 _x100',
    ]),
  },
  value('CoiCriticalDetection', '15m', ['coi_detections_by_severity_total{severity="critical"}', '0x10 1x10', '4x20']),
  value('CoiHighDetections', '15m', ['coi_detections_by_severity_total{severity="high"}', '0x10 1x10', '4x20']),
  {
    alert: 'CoiHighDetections',
    at: '15m',
    firing: { 'coi_detections_by_severity_total{severity="high"}': '0x10 1x10' },
    // A warning is what the log is for.
    quiet: { 'coi_detections_by_severity_total{severity="warning"}': '0+5x20' },
  },
  value('CoiManyQuarantined', '5m', ['coi_sandbox_conditions{type="Quarantined",status="True"}', '4x10', '3x10']),
  value('CoiResponseFailed', '15m', ['coi_responses_total{response="freeze",outcome="failed"}', '0x10 1x10', '4x20']),
  value('CoiSensorDown', '10m', ['coi_monitor_sensor_up{sensor="process",source="bpftrace"}', '1x4 0x10', '0.5x20']),
  value('CoiSensorFallback', '30m', [
    'coi_monitor_sensor_up{sensor="process",source="proc"}',
    '0.5x40',
    '1x10 0.5x5 1x30',
  ]),
  value('CoiMonitorDropping', '15m', ['coi_monitor_dropped_total{sensor="process"}', '0x10 9x10', '9x20']),
  {
    alert: 'CoiDetectionSlow',
    at: '30m',
    firing: histogram('coi_detection_seconds', '', { below: '1', above: '2.5' }),
    quiet: histogram('coi_detection_seconds', '', { below: '0.1', above: '0.25' }),
  },
  value('CoiDetectionLogDropping', '15m', ['coi_detection_log_dropped_total', '0x10 2x10', '2x20']),
  value('CoiDetectionsLimited', '15m', ['coi_detection_log_limited_total', '0x10 2x10', '2x20']),
  value('CoiNotificationsDropped', '15m', [
    'coi_notifications_total{channel="webhook",outcome="dropped"}',
    '0x10 1x10',
    '1x20',
  ]),
  value('CoiDriftRecurring', '70m', ['coi_drift_detected_total{class="config"}', '0+1x90', '0+0.2x90']),
  value('CoiFighting', '10m', ['coi_fight_heat_max', '0x4 5.5 0x20', '4x20']),
  value('CoiSourceIncomplete', '15m', ['coi_source_complete{source="etc"}', '0x20', '1x4 0x3 1x20']),
  value('CoiSourceStale', '50m', ['coi_source_last_success_timestamp_seconds{source="etc"}', '0x60', '0+60x60']),
  value('CoiDeletionHeld', '10m', ['coi_sandboxes_stalled{reason="Guarded"}', '4x20', '0x20']),
  value('CoiPruneFailing', '20m', ['coi_prune_total{kind="link",outcome="failed"}', '0+1x30', '3x30']),
  value('CoiOrphans', '20m', ['coi_orphans{kind="link"}', '1x30', '1x5 0 1x5 0x20']),
  value('CoiUnmanaged', '90m', ['coi_unmanaged{kind="instance"}', '1x100', '1x50 0x50']),
];
