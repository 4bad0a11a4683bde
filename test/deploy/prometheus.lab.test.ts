import { afterAll, beforeAll, expect, test } from 'vitest';
import { openMetrics, type Metrics } from '../../src/metrics/open-metrics.ts';
import { serveTelemetry, type Telemetry } from '../../src/server/telemetry.ts';
import { dashboardQueries } from './dashboard.ts';
import { brokenAlerts, startPrometheus, unansweredQueries, type Prometheus } from './prometheus.ts';

let metrics: Metrics;
let telemetry: Telemetry;
let prometheus: Prometheus;

beforeAll(async () => {
  metrics = openMetrics({ version: '1' });
  // What every controller has from its first minute on; all else must be there without an event.
  metrics.incus.request({ method: 'GET', route: '/1.0', code: 200, durationMs: 3 });
  metrics.incus.request({ method: 'POST', route: '/1.0/instances', code: 202, durationMs: 30 });
  metrics.sources.follow(() => [{ id: 'etc', complete: true, lastSuccessMs: Date.now(), manifests: 1 }]);
  metrics.sandboxes.follow(() => [
    {
      name: 'web',
      source: 'etc',
      revision: 'r1',
      phase: 'Current',
      conditions: [{ type: 'Ready', status: 'True', reason: 'InSync' }],
    },
  ]);
  metrics.observing.followLeader(() => true);
  metrics.network.followReady(() => true);
  metrics.network.followDenied(() => [{ name: 'web', packets: 0 }]);
  metrics.monitoring.followSensors(() => [
    { sensor: 'process', state: 'active', source: 'bpftrace', seen: 0, dropped: 0 },
  ]);
  metrics.monitoring.detected({
    rule: 'reverse-shell',
    severity: 'info',
    sensor: 'process',
    response: 'log',
    outcome: 'logged',
    seconds: 0.01,
  });
  telemetry = await serveTelemetry({
    host: '127.0.0.1',
    port: 0,
    metrics,
    health: () => ({ ok: true, message: 'alive' }),
    readiness: () => ({ ok: true, message: 'ready' }),
    onError: (error) => {
      throw error;
    },
  });
  prometheus = await startPrometheus({ host: '127.0.0.1', port: telemetry.port });
});
afterAll(async () => {
  await prometheus?.[Symbol.asyncDispose]();
  await telemetry?.[Symbol.asyncDispose]();
});

test('Prometheus evaluates every alert without an error', async () => {
  expect((await prometheus.rules()).length).toBeGreaterThan(20);
  expect(await brokenAlerts(prometheus)).toEqual([]);
});

test('every query of the dashboard shows something', async () => {
  expect(dashboardQueries().length).toBeGreaterThan(40);
  expect(await unansweredQueries(prometheus)).toEqual([]);
});

test('an alert fires on what the controller really serves, and none fires without a reason', async () => {
  const firing = async () =>
    (await prometheus.rules()).filter(({ state }) => state === 'firing').map(({ name }) => name);
  expect(await firing()).toEqual([]);
  metrics.bug();
  await expect.poll(firing, { timeout: 20_000 }).toEqual(['CoiBug']);
});
