import { describe, expect, test } from 'vitest';
import { priorities } from '../../src/controller/queue.ts';
import { conditionTypes as knownConditions } from '../../src/controller/condition.ts';
import { catalog, metricPrefix } from '../../src/metrics/catalog.ts';
import { describeMetrics } from '../../src/metrics/describe.ts';
import * as labels from '../../src/metrics/labels.ts';
import { openMetrics } from '../../src/metrics/open-metrics.ts';
import type { SandboxState } from '../../src/metrics/sandboxes.ts';
import { outcomes, responses } from '../../src/monitor/detection.ts';
import { sensorNames } from '../../src/monitor/event.ts';
import { severities } from '../../src/monitor/severity.ts';
import type { ActionKind, BlockReason } from '../../src/plan/step.ts';

/** Series of a rendering with their values, comments left out. */
async function series(metrics: ReturnType<typeof openMetrics>): Promise<Map<string, number>> {
  const lines = (await metrics.render()).split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(
    lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ')))]),
  );
}

const web: SandboxState = {
  name: 'web',
  source: 'etc',
  revision: 'r1',
  phase: 'Current',
  conditions: [
    { type: 'Ready', status: 'True', reason: 'InSync' },
    { type: 'Healthy', status: 'True', reason: 'Running' },
  ],
};
const stuck: SandboxState = {
  name: 'stuck',
  source: 'etc',
  revision: 'r2',
  phase: 'Failed',
  conditions: [
    { type: 'Ready', status: 'False', reason: 'Blocked' },
    { type: 'Stalled', status: 'True', reason: 'ImageMissing' },
    { type: 'Suspended', status: 'True', reason: 'User' },
  ],
};

describe('openMetrics()', () => {
  test('has every metric of the catalog, and no other', async () => {
    const text = await openMetrics({ version: '1' }).render();
    const names = [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name, type]) => `${name} ${type}`);
    const wanted = Object.entries(catalog).map(([name, { type }]) => `${metricPrefix}${name} ${type}`);
    expect(names.sort()).toEqual(wanted.sort());
  });

  test('starts every series of closed label sets with 0', async () => {
    const now = await series(openMetrics({ version: '1' }));
    for (const kind of labels.stepKinds) {
      for (const outcome of labels.stepOutcomes) {
        expect(now.get(`coi_steps_total{kind="${kind}",outcome="${outcome}"}`)).toBe(0);
      }
      expect(now.get(`coi_step_duration_seconds_count{kind="${kind}"}`)).toBe(0);
    }
    expect(now.get('coi_bugs_total')).toBe(0);
    expect(now.get('coi_event_stream_up{stream="nft"}')).toBe(0);
    expect(now.get('coi_workqueue_depth{priority="security"}')).toBe(0);
  });

  test('keeps two controllers in one process apart', async () => {
    const one = openMetrics({ version: '1' });
    const other = openMetrics({ version: '1' });
    one.bug();
    expect((await series(one)).get('coi_bugs_total')).toBe(1);
    expect((await series(other)).get('coi_bugs_total')).toBe(0);
  });

  test('counts visits and steps with their lengths', async () => {
    const metrics = openMetrics({ version: '1' });
    metrics.visits.observe({ controller: 'sandbox', result: 'settled', seconds: 0.2 });
    metrics.steps.observe({ kind: 'create', outcome: 'failed', seconds: 3 });
    const now = await series(metrics);
    expect(now.get('coi_reconcile_total{controller="sandbox",result="settled"}')).toBe(1);
    expect(now.get('coi_steps_total{kind="create",outcome="failed"}')).toBe(1);
    expect(now.get('coi_step_duration_seconds_sum{kind="create"}')).toBe(3);
  });

  test('reads the queue when it is asked, and no sooner', async () => {
    const metrics = openMetrics({ version: '1' });
    const queue = {
      counts: { adds: 3, retries: 1 },
      snapshot: () => ({
        ready: [{ priority: 'spec' as const }, { priority: 'spec' as const }],
        delayed: [{}],
        active: [{ forMs: 1_500 }, { forMs: 200 }],
      }),
    };
    metrics.queue.follow(queue, { workers: 4 });
    const now = await series(metrics);
    expect(now.get('coi_workqueue_depth{priority="spec"}')).toBe(2);
    expect(now.get('coi_workqueue_depth{priority="retry"}')).toBe(0);
    expect(now.get('coi_workqueue_longest_running_seconds')).toBe(1.5);
    expect(now.get('coi_workers{state="busy"}')).toBe(2);
    expect(now.get('coi_workers{state="max"}')).toBe(4);
    queue.counts.adds = 9;
    expect((await series(metrics)).get('coi_workqueue_adds_total')).toBe(9);
  });

  test('has a series per sandbox only in sandbox_info, and removes it with the sandbox', async () => {
    const metrics = openMetrics({ version: '1' });
    let states = [web, stuck];
    metrics.sandboxes.follow(() => states);
    const info = 'coi_sandbox_info{name="web",source="etc",revision="r1",ready="true",suspended="false"}';
    const both = await series(metrics);
    expect(both.get(info)).toBe(1);
    expect([...both.keys()].filter((key) => key.includes('"stuck"'))).toEqual([
      'coi_sandbox_info{name="stuck",source="etc",revision="r2",ready="false",suspended="true"}',
    ]);
    expect(both.get('coi_sandboxes{phase="Failed"}')).toBe(1);
    expect(both.get('coi_sandboxes_stalled{reason="ImageMissing"}')).toBe(1);
    expect(both.get('coi_sandbox_conditions{type="Ready",status="True"}')).toBe(1);
    states = [stuck];
    const one = await series(metrics);
    expect(one.has(info)).toBe(false);
    expect(one.get('coi_sandboxes{phase="Current"}')).toBe(0);
    expect(one.get('coi_sandbox_conditions{type="Ready",status="True"}')).toBe(0);
  });

  test('counts a reason to stall that it does not know as "Other"', async () => {
    const metrics = openMetrics({ version: '1' });
    const odd = { ...stuck, conditions: [{ type: 'Stalled', status: 'True', reason: 'SomethingNew' }] as const };
    metrics.sandboxes.follow(() => [odd]);
    expect((await series(metrics)).get('coi_sandboxes_stalled{reason="Other"}')).toBe(1);
  });

  test('has error counters of a source before anything went wrong with it', async () => {
    const metrics = openMetrics({ version: '1' });
    metrics.sources.follow(() => [{ id: 'etc', complete: true, lastSuccessMs: 5_000, manifests: 2 }]);
    const before = await series(metrics);
    expect(before.get('coi_source_errors_total{source="etc",reason="partial"}')).toBe(0);
    expect(before.get('coi_source_last_success_timestamp_seconds{source="etc"}')).toBe(5);
    metrics.sources.failed('etc', 'partial');
    metrics.sources.failed('etc', 'partial');
    expect((await series(metrics)).get('coi_source_errors_total{source="etc",reason="partial"}')).toBe(2);
  });

  test.each([
    [503, 'server', 1],
    [404, 'server', 0],
    ['incus.timeout', 'silent', 1],
    ['aborted', 'silent', 0],
  ] as const)('tells failures of Incus from refusals: %s', async (code, kind, count) => {
    const metrics = openMetrics({ version: '1' });
    metrics.incus.request({ method: 'GET', route: '/1.0', code, durationMs: 20 });
    const now = await series(metrics);
    expect(now.get(`coi_incus_requests_total{code="${code}",method="GET",route="/1.0"}`)).toBe(1);
    expect(now.get(`coi_incus_request_failures_total{kind="${kind}"}`)).toBe(count);
  });

  test.each([
    ['/config/limits.cpu', 'config'],
    ['/devices/eth0/hwaddr', 'devices'],
    ['/state', 'state'],
    ['/agent', 'other'],
  ])('files drift at %s under %s', async (path, part) => {
    const metrics = openMetrics({ version: '1' });
    metrics.drift.detected([path]);
    expect((await series(metrics)).get(`coi_drift_detected_total{class="${part}"}`)).toBe(1);
  });
});

describe('metrics of the monitor', () => {
  test('count detections, what followed, and how long it took', async () => {
    const { monitoring, ...metrics } = openMetrics({ version: '1' });
    const detection = { rule: 'miner', severity: 'high', sensor: 'process', response: 'freeze' } as const;
    monitoring.detected({ ...detection, outcome: 'paused', seconds: 0.02 });
    monitoring.detected({ ...detection, outcome: 'deduplicated', seconds: -1 });
    const now = await series({ monitoring, ...metrics });
    expect(now.get('coi_detections_total{rule="miner",severity="high",sensor="process"}')).toBe(2);
    expect(now.get('coi_detections_by_severity_total{severity="high"}')).toBe(2);
    expect(now.get('coi_detections_by_severity_total{severity="critical"}')).toBe(0);
    expect(now.get('coi_responses_total{response="freeze",outcome="paused"}')).toBe(1);
    expect(now.get('coi_responses_total{response="kill",outcome="failed"}')).toBe(0);
    expect(now.get('coi_detection_seconds_count')).toBe(2);
  });

  test('follow sensors, watched sandboxes and the log', async () => {
    const metrics = openMetrics({ version: '1' });
    const states = ['active', 'fallback', 'failed', 'off', 'active'] as const;
    metrics.monitoring.followSensors(() =>
      labels.monitorSensors.map((sensor, n) => ({ sensor, state: states[n]!, source: 's', seen: 7, dropped: n })),
    );
    metrics.monitoring.followWatched(() => 3);
    metrics.monitoring.followLog({ counts: { written: 4, dropped: 5, limited: 6 } });
    metrics.monitoring.notified('webhook', 'dropped', 2);
    const now = await series(metrics);
    const up = labels.monitorSensors.map((sensor) => now.get(`coi_monitor_sensor_up{sensor="${sensor}",source="s"}`));
    expect(up).toEqual([1, 0.5, 0, undefined, 1]);
    expect(now.get('coi_monitor_events_total{sensor="tmp"}')).toBe(7);
    expect(now.get('coi_monitor_dropped_total{sensor="tmp"}')).toBe(4);
    expect(now.get('coi_monitor_watched_sandboxes')).toBe(3);
    expect(now.get('coi_detection_log_records_total')).toBe(4);
    expect(now.get('coi_detection_log_dropped_total')).toBe(5);
    expect(now.get('coi_detection_log_limited_total')).toBe(6);
    expect(now.get('coi_notifications_total{channel="webhook",outcome="dropped"}')).toBe(2);
  });
});

describe('closed label sets', () => {
  test('are those of the monitor', () => {
    expect(labels.detectionSeverities).toEqual(severities);
    expect(labels.monitorSensors).toEqual(sensorNames);
    expect(labels.detectionResponses).toEqual(responses);
    expect(labels.responseOutcomes).toEqual(outcomes);
  });

  test('are those of the rooms that use them', () => {
    // Types compare them both ways: a kind that one side lacks does not compile.
    const toRoom = (kind: labels.StepKind): ActionKind => kind;
    const fromRoom = (kind: ActionKind): labels.StepKind => kind;
    expect(labels.stepKinds.map(toRoom).map(fromRoom)).toEqual([...labels.stepKinds]);
    const blocks: readonly BlockReason[] = labels.pruneBlocks;
    const stalls: readonly (BlockReason | 'StepFailed' | 'SaveFailed' | 'Other')[] = labels.stallReasons;
    expect(blocks.filter((reason) => stalls.includes(reason))).toEqual(['Guarded', 'NeedsConfirm', 'Protected']);
    expect([...labels.queuePriorities].sort()).toEqual(Object.keys(priorities).sort());
    expect([...labels.conditionTypes].sort()).toEqual([...knownConditions].sort());
  });
});

test('METRICS.md says what there is (renew it with "npx vitest --update test/metrics")', async () => {
  await expect(describeMetrics()).toMatchFileSnapshot('../../deploy/prometheus/METRICS.md');
});
