import { existsSync } from 'node:fs';
import { stat } from 'node:fs/promises';

/** What keeps a machine from being traced. */
export interface Lack {
  /** Completes "Processes cannot be traced:". */
  readonly what: string;
  /** What to do about it. */
  readonly hint: string;
}

/** Where tracefs is, see Documentation/trace/ftrace.rst. */
export const tracing = '/sys/kernel/tracing';

/** Inode number of the host's own pid namespace: PROC_PID_INIT_INO in include/linux/proc_ns.h. */
const hostNamespace = 0xeffffffc;

/** What this machine lacks for bpftrace to see all of it, besides bpftrace. Changes nothing. */
export async function lacksForTracing(): Promise<Lack | undefined> {
  if ((await stat('/proc/self/ns/pid')).ino !== hostNamespace) {
    return { what: 'coi runs in a container of its own', hint: 'Run the controller on the host itself.' };
  }
  if (!existsSync('/sys/kernel/btf/vmlinux')) {
    return {
      what: 'this kernel does not say how its data is laid out',
      hint: 'Use a kernel with CONFIG_DEBUG_INFO_BTF.',
    };
  }
  if (!existsSync(`${tracing}/events/sched/sched_process_exec`)) {
    return {
      what: 'this kernel has no tracepoints',
      hint: `Mount tracefs on ${tracing}; the kernel needs CONFIG_FTRACE_SYSCALLS.`,
    };
  }
  return undefined;
}
