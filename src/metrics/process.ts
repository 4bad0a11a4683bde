import { readdirSync } from 'node:fs';
import type { Instruments } from './instruments.ts';

/**
 * What the process costs. prom-client's own set is not used: it samples the event loop a hundred times a second, which an
 * idle controller would feel.
 */
export function processMetrics(instruments: Instruments, version: string): void {
  const one = (value: number) => [{ labels: {}, value }];
  instruments.gauge('build_info', () => [{ labels: { version, node: process.versions.node }, value: 1 }]);
  const startedAt = Date.now() / 1_000 - process.uptime();
  instruments.gauge('process_start_time_seconds', () => one(startedAt));
  instruments.followedCounter('process_cpu_seconds_total', () => {
    const { user, system } = process.cpuUsage();
    return [
      { labels: { mode: 'user' }, value: user / 1e6 },
      { labels: { mode: 'system' }, value: system / 1e6 },
    ];
  });
  instruments.gauge('process_resident_memory_bytes', () => one(process.memoryUsage.rss()));
  instruments.gauge('process_heap_bytes', () => one(process.memoryUsage().heapUsed));
  instruments.gauge('process_open_fds', () => one(openFds()));
  let before = performance.eventLoopUtilization();
  instruments.gauge('event_loop_utilization_ratio', () => {
    const now = performance.eventLoopUtilization();
    const { utilization } = performance.eventLoopUtilization(now, before);
    before = now;
    return one(utilization);
  });
}

function openFds(): number {
  try {
    return readdirSync('/proc/self/fd').length;
  } catch {
    // Without /proc, or with no descriptor left to read it, the number is unknown and nothing else depends on it.
    return 0;
  }
}
