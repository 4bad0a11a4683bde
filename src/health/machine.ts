import { existsSync } from 'node:fs';
import { hostname, machine as architecture, release } from 'node:os';
import { lacksForTracing, type Lack } from '../host/bpftrace/fitness.ts';
import { runInNetwork } from '../host/link/in-network.ts';
import { cannotShiftBecause } from '../host/mount/lima.ts';
import { ask } from '../host/neighbours/ask.ts';
import { readOptional } from '../host/neighbours/files.ts';
import { stoppedIncusd } from '../host/process/stopped-incusd.ts';

/** What checks look at of the machine itself, and of the process that looks. */
export interface Machine {
  /** As uname(2) has it: `6.12.5-amd64`. */
  readonly kernel: string;
  /** `x86_64`, `aarch64`, … */
  readonly architecture: string;
  readonly hostname: string;
  /** IANA name; undefined where the system's is none that anybody knows. */
  readonly timeZone: string | undefined;
  /** Groups of this process, by number. */
  readonly groups: readonly number[];
  /** Text of a file; undefined where there is none. @throws {Problem} `health.not-root` */
  readonly read: (path: string) => Promise<string | undefined>;
  /** Number of a group; undefined where there is no such group. */
  readonly groupId: (name: string, signal: AbortSignal) => Promise<number | undefined>;
  /** Addresses of a name, as programs of this host get them; none where it has none. @throws {Problem} `host.*` */
  readonly addresses: (name: string, signal: AbortSignal) => Promise<readonly string[]>;
  /** What `nft --version` prints; undefined where it is not to be found. */
  readonly nftVersion: (signal: AbortSignal) => Promise<string | undefined>;
  /** What keeps incusd from starting: see `host/process/stopped-incusd.ts`. */
  readonly stoppedIncusd: () => Promise<readonly number[]>;
  /** Whether `bpftrace` is to be found. */
  readonly hasBpftrace: (signal: AbortSignal) => Promise<boolean>;
  /** What keeps bpftrace from seeing all of this machine, besides its lack. */
  readonly lacksForTracing: () => Promise<Lack | undefined>;
  /** Whether journald runs. */
  readonly hasJournal: () => Promise<boolean>;
  /** Whether this is a guest of Lima or Colima. */
  readonly isLima: () => Promise<boolean>;
}

/** Longest time that a name may take, in milliseconds. */
const nameTimeoutMs = 5_000;

/** The machine that this process runs on. */
export function thisMachine(): Machine {
  const { timeZone } = Intl.DateTimeFormat().resolvedOptions();
  return {
    kernel: release(),
    architecture: architecture(),
    hostname: hostname(),
    // That is how ICU writes what it does not know.
    timeZone: timeZone === 'Etc/Unknown' ? undefined : timeZone,
    groups: [...(process.getgroups?.() ?? []), process.getegid?.() ?? -1],
    read: readOptional,
    groupId,
    addresses,
    nftVersion: async (signal) => (await ask(['nft', '--version'], { signal }))?.stdout,
    stoppedIncusd,
    hasBpftrace: async (signal) => (await ask(['bpftrace', '--version'], { signal })) !== undefined,
    lacksForTracing,
    hasJournal: async () => existsSync('/run/systemd/journal/socket'),
    isLima: async () => (await cannotShiftBecause()) !== undefined,
  };
}

/** By getent(1), which also knows groups of a network; where that is missing, by group(5). */
async function groupId(name: string, signal: AbortSignal): Promise<number | undefined> {
  const said = (await ask(['getent', 'group', name], { signal }))?.stdout ?? (await readOptional('/etc/group')) ?? '';
  const [, , id] =
    said
      .split('\n')
      .map((line) => line.split(':'))
      .find(([first]) => first === name) ?? [];
  return id === undefined ? undefined : Number(id);
}

/** By getent(1): unlike a call of getaddrinfo(3) it can be ended. */
async function addresses(name: string, signal: AbortSignal): Promise<readonly string[]> {
  const { code, stdout } = await runInNetwork({
    command: ['getent', 'ahosts', name],
    signal,
    timeoutMs: nameTimeoutMs,
  });
  if (code !== 0) return [];
  return [...new Set(stdout.split('\n').flatMap((line) => line.split(/\s+/)[0] || []))];
}
