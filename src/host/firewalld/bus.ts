import { execa } from 'execa';
import { Problem } from '../../base/problem.ts';

/** Longest wait for an answer of firewalld, in seconds. Whatever is wrong with it is known by then. */
const patienceSeconds = 8;
/** And how much longer for the program that asks, in milliseconds. */
const programMs = 2_000;

/** How to reach firewalld. */
export interface BusScope {
  /** D-Bus address of the bus that firewalld is on; the system's own when absent. */
  readonly bus?: string;
  /** Longest wait for an answer, in seconds; {@link patienceSeconds} when absent. */
  readonly patience?: number;
}

/** One call of a method of firewalld. See firewalld.dbus(5). */
export interface BusCall extends BusScope {
  /** Object, counted from firewalld's own: `/config`; itself when absent. A path that firewalld gave is taken whole. */
  readonly object?: string;
  /** Interface below `org.fedoraproject.FirewallD1`; empty for that one itself. */
  readonly interface: 'direct' | 'zone' | 'config' | 'config.zone' | '';
  readonly method: string;
  /** D-Bus signature of the arguments. */
  readonly signature?: string;
  /** Arguments as busctl(1) takes them: arrays preceded by their length. */
  readonly args?: readonly string[];
  readonly signal?: AbortSignal | undefined;
}

export const service = 'org.fedoraproject.FirewallD1';
const root = '/org/fedoraproject/FirewallD1';

/** Argument vector of busctl with the bus chosen. It comes with systemd, which every host with firewalld has. */
export function busctl({ bus }: BusScope, ...args: readonly string[]): [string, ...string[]] {
  return ['busctl', bus === undefined ? '--system' : `--address=${bus}`, '--json=short', ...args];
}

/** Whether firewalld runs. Never starts it. */
export async function isFirewalldRunning(signal: AbortSignal): Promise<boolean> {
  const bus = 'org.freedesktop.DBus';
  const [file, ...args] = busctl({}, 'call', bus, '/org/freedesktop/DBus', bus, 'NameHasOwner', 's', service);
  // A host without a system bus, or without busctl, which comes with systemd, has no firewalld.
  const { exitCode, stdout } = await execa(file, args, { reject: false, cancelSignal: signal, stdin: 'ignore' });
  signal.throwIfAborted();
  return exitCode === 0 && stdout.includes('true');
}

/**
 * Calls firewalld where it may have nothing of the kind, as after somebody else was faster.
 *
 * @returns the values of its reply; undefined when there is nothing to do
 * @throws those of {@link callFirewalld}
 */
export async function callIfThere(call: BusCall): Promise<readonly unknown[] | undefined> {
  try {
    return await callFirewalld(call);
  } catch (error) {
    if (error instanceof Problem && error.code === 'firewalld.as-is') return undefined;
    throw error;
  }
}

/**
 * Calls firewalld and gives the values of its reply. Never starts it.
 *
 * @throws Problem `firewalld.away` when it does not run or does not answer in time, `firewalld.permission`,
 *   `firewalld.as-is` when what is to be taken away is not there, or what is to be added is; `firewalld.refused` with what it
 *   said, `host.program-missing` without busctl; the signal's reason when that aborts
 */
export async function callFirewalld(call: BusCall): Promise<readonly unknown[]> {
  const { method, args = [], signal, patience = patienceSeconds } = call;
  const options = [`--timeout=${patience}`, '--auto-start=no', '--'];
  const [file, ...argv] = busctl(call, ...options, 'call', ...targetOf(call), ...args);
  const result = await execa(file, argv, {
    reject: false,
    timeout: patience * 1_000 + programMs,
    forceKillAfterDelay: 500,
    stdin: 'ignore',
    maxBuffer: 64 * 2 ** 20,
    env: { LC_ALL: 'C' },
    ...(signal ? { cancelSignal: signal } : {}),
  });
  signal?.throwIfAborted();
  if (result.code === 'ENOENT') {
    throw new Problem({
      code: 'host.program-missing',
      message: 'The program "busctl" is not installed',
      hint: 'Install it: apt-get install systemd',
    });
  }
  if (result.timedOut) throw away(`It did not answer within ${patience} s`);
  if (result.exitCode === 0) return parseReply(result.stdout ?? '');
  throw problemOf(`${method} ${args.join(' ')}`, result.stderr ?? '');
}

function targetOf({ object = '', method, signature = '', ...call }: BusCall): string[] {
  const path = object.startsWith(root) ? object : `${root}${object}`;
  return [service, path, [service, call.interface].filter(Boolean).join('.'), method, signature];
}

function parseReply(text: string): readonly unknown[] {
  if (text.trim() === '') return [];
  try {
    const { data } = JSON.parse(text) as { data?: unknown };
    if (Array.isArray(data)) return data as unknown[];
  } catch {
    // Told below, in the same words as JSON of another shape.
  }
  throw new Problem({
    code: 'firewalld.output',
    message: `busctl printed something that is not a reply: ${text.slice(0, 80)}`,
    hint: 'Install systemd 240 or newer, which prints JSON.',
  });
}

/** What a failed call means to a person. */
export function problemOf(what: string, stderr: string): Problem {
  const detail =
    stderr
      .trim()
      .split('\n')[0]
      ?.replace(/^Call failed: /, '') ?? '';
  if (/timed out|Timeout/i.test(detail)) return away('It did not answer in time');
  if (
    /not provided|^Name ".*" does not exist|NameHasNoOwner|ServiceUnknown|could not activate|not found\.?$|Failed to connect|No such file|Could not activate/i.test(
      detail,
    )
  ) {
    return away(detail);
  }
  if (
    /Access denied|AccessDenied|not authorized|NotAuthorized|Permission denied|interactive authentication/i.test(detail)
  ) {
    return new Problem({
      code: 'firewalld.permission',
      message: `firewalld does not let coi change its rules: ${detail}`,
      hint: 'Run the controller as root.',
    });
  }
  if (/\b(?:ALREADY_ENABLED|NOT_ENABLED|UNKNOWN_INTERFACE|INVALID_ZONE)\b/.test(detail)) {
    return new Problem({ code: 'firewalld.as-is', message: `firewalld has nothing to change: ${detail}` });
  }
  return new Problem({
    code: 'firewalld.refused',
    message: `firewalld refused "${what.slice(0, 120)}": ${detail}`,
    hint: 'Its log tells more: journalctl -u firewalld',
    retry: 'backoff',
  });
}

function away(detail: string): Problem {
  return new Problem({
    code: 'firewalld.away',
    message: `firewalld cannot be used: ${detail}`,
    hint:
      'Start it (systemctl start firewalld), or let coi keep its rules with nftables alone: controller.firewall = "nft" ' +
      'in /etc/coi/config.toml.',
    retry: 'backoff',
  });
}
