import { readFileSync } from 'node:fs';
import { isAlive } from '../host/process/container-process.ts';
import type { ProcessWatch } from '../host/process/process-watch.ts';
import type { Manifest } from '../spec/sandbox.ts';

/** What watching leases needs. */
export interface LeasesInit {
  readonly processes: ProcessWatch;
  /** Ask for a sandbox to be looked at again. */
  readonly lookAgain: (sandbox: string) => void;
}

/** Tells whether the processes that sessions are for are still there, and has a session looked at when its own ends. */
export class Leases {
  readonly #init: LeasesInit;
  readonly #boot: string;

  constructor(init: LeasesInit) {
    this.#init = init;
    this.#boot = bootId();
  }

  /** Whether the process that a session is for has ended. */
  readonly isOver = ({ name, sandbox: { lease } }: Manifest): boolean => {
    if (!lease) return false;
    const process = { pid: lease.pid, startedAt: lease.startedAt };
    if (lease.boot !== this.#boot || !isAlive(process)) return true;
    this.#init.processes.add(`lease/${name}`, process, () => this.#init.lookAgain(name));
    return false;
  };
}

/** Which start of the machine this is. @see proc_sys_kernel(5) */
export function bootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
}
