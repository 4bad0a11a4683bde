import { z } from 'zod';
import { field, later } from './field.ts';

const amount = z.number().min(0);

const nft = z.strictObject({
  enabled: later(z.boolean(), { description: 'Whether connections are watched.', default: true }),
  rate_limit_per_second: later(z.int().min(1), {
    description: 'Most log lines of ordinary traffic.',
    unit: 'per second',
    default: 100,
  }),
  dns_query_threshold: later(z.int().min(1), {
    description: 'Name lookups above which an alarm is raised.',
    unit: 'per minute',
    default: 100,
  }),
  log_dns_queries: later(z.boolean(), { description: 'Whether name lookups are logged.', default: true }),
  lima_host: later(z.string(), { description: 'Lima machine in which nft runs; empty means this host.', default: '' }),
});

/** What is watched inside, and what follows. */
export const monitoringSection = z.strictObject({
  enabled: later(z.boolean(), { description: 'Whether sandboxes are watched.', default: false }),
  auto_pause_on_high: later(z.boolean(), { description: 'Whether a high threat freezes.', default: true }),
  auto_kill_on_critical: later(z.boolean(), { description: 'Whether a critical threat kills.', default: true }),
  poll_interval_sec: later(z.int().min(1), { description: 'Time between two looks.', unit: 'seconds', default: 2 }),
  file_read_threshold_mb: later(amount, { description: 'Reading that raises an alarm.', unit: 'MB', default: 50 }),
  file_read_rate_mb_per_sec: later(amount, {
    description: 'Reading speed that raises an alarm.',
    unit: 'MB/s',
    default: 10,
  }),
  file_write_threshold_mb: later(amount, { description: 'Writing that raises an alarm.', unit: 'MB', default: 50 }),
  file_write_rate_mb_per_sec: later(amount, {
    description: 'Writing speed that raises an alarm.',
    unit: 'MB/s',
    default: 10,
  }),
  audit_log_retention_days: later(z.int().min(1), {
    description: 'How long audit logs are kept.',
    unit: 'days',
    default: 30,
  }),
  nft: field(nft, { description: 'Watching of connections.' }),
});
