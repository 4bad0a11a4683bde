import type { Trace } from '../../../host/bpftrace/record.ts';

/** Kinds of namespaces by the flags of unshare(2) and setns(2), from <linux/sched.h>. */
const namespaces: readonly (readonly [flag: number, name: string])[] = [
  [0x00020000, 'mnt'],
  [0x02000000, 'cgroup'],
  [0x04000000, 'uts'],
  [0x08000000, 'ipc'],
  [0x10000000, 'user'],
  [0x20000000, 'pid'],
  [0x40000000, 'net'],
  [0x00000080, 'time'],
];

/** What says what a call was about: its texts, the namespaces that it asks for, or its one number that matters. */
export function callDetails({ call, details, value }: Trace): readonly string[] {
  if (call === 'unshare' || call === 'setns')
    return namespaces.filter(([flag]) => value & flag).map(([, name]) => name);
  if (call === 'ptrace') return [value === 16 ? 'attach' : 'seize'];
  return details.length === 0 && value !== 0 ? [String(value)] : details;
}
