import { ruleResponses, ruleSeverities, type Monitoring, type RuleChange, type Volume } from './monitoring.ts';

/** Names of what is watched less by one than by another, or of what follows less. */
export function looserMonitoring(now: Monitoring, base: Monitoring): string[] {
  return [
    ...switchedOff([
      ['monitoring', now.enabled, base.enabled],
      ['auto_pause_on_high', now.freezesOnHigh, base.freezesOnHigh],
      ['auto_kill_on_critical', now.killsOnCritical, base.killsOnCritical],
      ['nft', now.network.enabled, base.network.enabled],
      ['log_dns_queries', now.network.logsNames, base.network.logsNames],
    ]),
    ...(now.pollMs > base.pollMs ? ['poll_interval_sec'] : []),
    ...(now.logDays < base.logDays ? ['audit_log_retention_days'] : []),
    ...(now.network.namesPerMinute > base.network.namesPerMinute ? ['dns_query_threshold'] : []),
    // Less shows less, and more is more work for the host.
    ...(now.network.flowsPerSecond === base.network.flowsPerSecond ? [] : ['rate_limit_per_second']),
    ...(now.network.limaHost === base.network.limaHost ? [] : ['lima_host']),
    ...looserVolume('file_read', now.read, base.read),
    ...looserVolume('file_write', now.write, base.write),
    ...Object.entries(now.rules).flatMap(([id, change]) =>
      isLooserRule(change, base.rules[id]) ? [`rule ${id}`] : [],
    ),
  ];
}

function switchedOff(all: readonly (readonly [name: string, now: boolean, base: boolean])[]): string[] {
  return all.flatMap(([name, now, base]) => (base && !now ? [name] : []));
}

function looserVolume(name: string, now: Volume, base: Volume): string[] {
  return [
    ...(limitOf(now.thresholdMb) > limitOf(base.thresholdMb) ? [`${name}_threshold_mb`] : []),
    ...(limitOf(now.mbPerSecond) > limitOf(base.mbPerSecond) ? [`${name}_rate_mb_per_sec`] : []),
  ];
}

function limitOf(amount: number): number {
  return amount === 0 ? Infinity : amount;
}

/** What a rule says by itself is not known here: only the highest of all is surely no less than that. */
function isLooserRule(now: RuleChange, base: RuleChange = {}): boolean {
  return (
    (now.enabled === false && base.enabled !== false) ||
    isLess(ruleSeverities, now.severity, base.severity) ||
    isLess(ruleResponses, now.response, base.response)
  );
}

function isLess<Word extends string>(order: readonly Word[], now: Word | undefined, base: Word | undefined): boolean {
  if (now === base || now === undefined) return false;
  return order.indexOf(now) < (base === undefined ? order.length - 1 : order.indexOf(base));
}
