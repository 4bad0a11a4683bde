import { z } from 'zod';
import { builtIn } from '../defaults.ts';
import { field } from './field.ts';
import {
  cpuAllowance,
  cpuSet,
  diskRate,
  durationAllowed,
  durationOrNone,
  memorySize,
  priority,
  sizeOrNone,
} from './formats.ts';

const priorityAllowed = 'a whole number from 0 to 10';
const rateAllowed = 'a rate such as "10MiB/s" or "1000iops", or "" for none';

const cpu = z.strictObject({
  count: field(cpuSet, {
    description: 'How many CPUs, or which ones.',
    default: '',
    allowed: 'a number such as "2", a range such as "0-3" or a list such as "0,1,3", in quotes, or "" for no limit',
  }),
  allowance: field(cpuAllowance, {
    description: 'Share of CPU time: a soft limit in percent, or a hard one as time per period.',
    default: '',
    allowed: 'a share such as "50%" or "25ms/100ms", or "" for no limit',
  }),
  priority: field(priority, {
    description: 'Who goes first when CPUs are short; 10 is highest, 0 leaves it to Incus.',
    default: 0,
    allowed: priorityAllowed,
  }),
});

const memory = z.strictObject({
  limit: field(memorySize, {
    description: 'Most memory the sandbox may use.',
    default: '',
    allowed: 'a size such as "4GiB", a share such as "50%", or "" for no limit',
  }),
  enforce: field(z.enum(['hard', 'soft']), {
    description: '`hard`: never above the limit. `soft`: above it while the host has memory to spare.',
    default: builtIn.memoryEnforce,
  }),
  swap: field(z.union([z.boolean(), z.string().regex(/^(?:true|false|[0-9]+(?:B|[kMGTPE]B|[KMGTPE]iB)?)$/)]), {
    description: 'Whether the sandbox may be swapped out, or how much of it.',
    default: true,
    allowed: 'true, false or a size such as "2GiB"',
  }),
});

const disk = z.strictObject({
  read: field(diskRate, { description: 'Fastest reading from disk.', default: '', allowed: rateAllowed }),
  write: field(diskRate, { description: 'Fastest writing to disk.', default: '', allowed: rateAllowed }),
  max: field(diskRate, {
    description: 'Fastest reading and writing; wins over `read` and `write`.',
    default: '',
    allowed: rateAllowed,
  }),
  priority: field(priority, {
    description: 'Who goes first when the disk is busy; 10 is highest, 0 leaves it to Incus.',
    default: 0,
    allowed: priorityAllowed,
  }),
  tmpfs_size: field(sizeOrNone, {
    description: 'Size of a /tmp in memory; empty keeps /tmp on the root disk.',
    default: '',
    allowed: 'a size such as "2GiB", or ""',
  }),
});

const runtime = z.strictObject({
  max_processes: field(z.int().min(0), {
    description: 'Most processes at once; 0 means no limit.',
    default: 0,
    allowed: 'a whole number of at least 0',
  }),
  max_duration: field(durationOrNone, {
    description:
      'How long the sandbox may run, counted from its last start. After that it is stopped and stays so until this changes; ' +
      'a session that is not persistent is deleted.',
    default: '',
    allowed: `${durationAllowed}, or "" for no limit`,
  }),
  auto_stop: field(z.boolean(), { description: 'Whether to stop when `max_duration` is over.', default: true }),
  stop_graceful: field(z.boolean(), { description: 'Whether that stop lets programs end first.', default: true }),
});

/** How much of the host a sandbox may use. */
export const limitsSection = z.strictObject({
  cpu: field(cpu, { description: 'CPU time.' }),
  memory: field(memory, { description: 'Memory.' }),
  disk: field(disk, { description: 'Disk traffic of the root disk.' }),
  runtime: field(runtime, { description: 'Processes and running time.' }),
});
