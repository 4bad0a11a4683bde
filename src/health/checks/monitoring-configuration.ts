import { monitoringOf, resolveMonitoring, type Monitoring } from '../../spec/monitoring.ts';
import { ok, warning, type Finding, type HealthCheck } from '../check.ts';

/** Whether sandboxes are watched, with values that make sense. */
export const monitoringConfigurationCheck: HealthCheck = {
  name: 'monitoring_configuration',
  group: 'MONITORING',
  look: async ({ seen }) => judgeMonitoring(monitoringOf(resolveMonitoring(seen.settings.layer.monitoring))),
};

const longestPollMs = 60_000;
const smallestMb = 1;
const largestMb = 10_000;

/** What is odd about settings of `monitoring`. */
export function judgeMonitoring(monitoring: Monitoring): Finding {
  const { enabled, pollMs, freezesOnHigh, killsOnCritical, network } = monitoring;
  const details = { poll_seconds: pollMs / 1_000, auto_pause: freezesOnHigh, auto_kill: killsOnCritical };
  if (!enabled) {
    return warning(
      'Nobody watches sandboxes: monitoring.enabled is false',
      ['# Set monitoring.enabled = true.'],
      details,
    );
  }
  const odd = [
    ...(pollMs > longestPollMs ? [`monitoring.poll_interval_sec is ${pollMs / 1_000}: use 1 to 60`] : []),
    ...oddThreshold('file_read_threshold_mb', monitoring.read.thresholdMb),
    ...oddThreshold('file_write_threshold_mb', monitoring.write.thresholdMb),
  ];
  if (odd.length > 0)
    return warning(odd.join('; '), ['# Change it where it is set: coi health --verbose names the files.'], details);
  const follows =
    freezesOnHigh && killsOnCritical ? 'what is bad is frozen or ended' : 'not all that is bad is stopped';
  return ok(
    `Sandboxes are watched, and ${follows}${network.enabled ? '' : '; connections are not looked at'}`,
    details,
  );
}

/** Zero is no limit, and meant. */
function oddThreshold(key: string, mb: number): string[] {
  if (mb === 0 || (mb >= smallestMb && mb <= largestMb)) return [];
  const why = mb < smallestMb ? 'ordinary work is stopped by it' : 'hardly anything reaches it';
  return [`monitoring.${key} is ${mb}: ${why}; use ${smallestMb} to ${largestMb}, or 0 for no limit`];
}
