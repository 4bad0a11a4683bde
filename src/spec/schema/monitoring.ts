import { z } from 'zod';
import { builtIn } from '../defaults.ts';
import { ruleResponses, ruleSeverities } from '../monitoring.ts';
import { field } from './field.ts';
import { ruleId } from './formats.ts';

const { monitoring: usual } = builtIn;
const amount = z.number().min(0);

const nft = z.strictObject({
  enabled: field(z.boolean(), { description: 'Whether connections are watched.', default: usual.network.enabled }),
  rate_limit_per_second: field(z.int().min(1), {
    description: 'Most ordinary new connections that are looked at; forbidden and suspicious ones do not count.',
    unit: 'per second',
    default: usual.network.flowsPerSecond,
    allowed: 'a whole number of at least 1',
  }),
  dns_query_threshold: field(z.int().min(1), {
    description: 'Name lookups above which there is a detection.',
    unit: 'per minute',
    default: usual.network.namesPerMinute,
    allowed: 'a whole number of at least 1',
  }),
  log_dns_queries: field(z.boolean(), {
    description: 'Whether name lookups are watched.',
    default: usual.network.logsNames,
  }),
  lima_host: field(z.string().regex(/^(?:[A-Za-z0-9][A-Za-z0-9._-]{0,62})?$/), {
    description: 'Lima machine in whose kernel connections are logged; empty means this host.',
    default: usual.network.limaHost,
    allowed: 'the name of a Lima machine, or ""',
  }),
});

const rule = z.strictObject({
  enabled: field(z.boolean(), { description: 'Whether the rule counts; as the rule says unless set.' }),
  severity: field(z.enum(ruleSeverities), { description: "How bad a match is, in place of the rule's own severity." }),
  response: field(z.enum(ruleResponses), {
    description:
      'What follows a match, in place of what follows from the severity. `network` takes the network away, `freeze` freezes, ' +
      '`kill` ends what runs inside.',
  }),
});

const volumeHint = 'within one minute; 0 for no limit';

/** What is watched inside, and what follows. */
export const monitoringSection = z.strictObject({
  enabled: field(z.boolean(), { description: 'Whether sandboxes are watched.', default: usual.enabled }),
  auto_pause_on_high: field(z.boolean(), {
    description: 'Whether a high detection freezes; without it there is only an alert.',
    default: usual.freezesOnHigh,
  }),
  auto_kill_on_critical: field(z.boolean(), {
    description: 'Whether a critical detection ends what runs inside; without it there is only an alert.',
    default: usual.killsOnCritical,
  }),
  poll_interval_sec: field(z.int().min(1), {
    description: 'Time between two looks at what tells of nothing by itself.',
    unit: 'seconds',
    default: usual.pollMs / 1000,
    allowed: 'a whole number of at least 1',
  }),
  file_read_threshold_mb: field(amount, {
    description: `Reading above which there is a detection, ${volumeHint}.`,
    unit: 'MB',
    default: usual.read.thresholdMb,
  }),
  file_read_rate_mb_per_sec: field(amount, {
    description: `Reading speed above which there is a detection, mean ${volumeHint}.`,
    unit: 'MB/s',
    default: usual.read.mbPerSecond,
  }),
  file_write_threshold_mb: field(amount, {
    description: `Writing above which there is a detection, ${volumeHint}.`,
    unit: 'MB',
    default: usual.write.thresholdMb,
  }),
  file_write_rate_mb_per_sec: field(amount, {
    description: `Writing speed above which there is a detection, mean ${volumeHint}.`,
    unit: 'MB/s',
    default: usual.write.mbPerSecond,
  }),
  audit_log_retention_days: field(z.int().min(1), {
    description: 'How long detections are kept.',
    unit: 'days',
    default: usual.logDays,
    allowed: 'a whole number of at least 1',
  }),
  nft: field(nft, { description: 'Watching of connections.' }),
  rules: field(z.record(ruleId, rule), {
    description: 'What is changed about rules, by their ids, which `coi rules list` shows.',
    allowed: 'a table of rule ids such as "shell.netcat-exec"',
  }),
});
