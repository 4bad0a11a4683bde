import { execa } from 'execa';
import { Problem } from '../../base/problem.ts';

/** Longest wait for an answer of firewalld, in seconds. Whatever is wrong with it is known by then. */
const patienceSeconds = 8;
/** And for the program that asks. */
const programMs = 10_000;

/** How to reach firewalld. */
export interface BusScope {
  /** D-Bus address of the bus that firewalld is on; the system's own when absent. */
  readonly bus?: string;
  /** Longest wait for an answer, in seconds; {@link patienceSeconds} when absent. */
  readonly patience?: number;
}

/** One call of a method of firewalld. See firewalld.dbus(5). */
export interface BusCall extends BusScope {
  /** Interface below `org.fedoraproject.FirewallD1`; empty for that one itself. */
  readonly interface: 'direct' | 'zone' | '';
  readonly method: string;
  /** D-Bus signature of the arguments. */
  readonly signature?: string;
  /** Arguments as busctl(1) takes them: arrays preceded by their length. */
  readonly args?: readonly string[];
  readonly signal?: AbortSignal | undefined;
}

export const service = 'org.fedoraproject.FirewallD1';

/** Argument vector of busctl with the bus chosen. It comes with systemd, which every host with firewalld has. */
export function busctl({ bus }: BusScope, ...args: readonly string[]): [string, ...string[]] {
  return ['busctl', bus === undefined ? '--system' : `--address=${bus}`, '--json=short', ...args];
}

/**
 * Calls firewalld and gives the values of its reply. Never starts it.
 *
 * @throws Problem `firewalld.away` when it does not run or does not answer within 10 s, `firewalld.permission`,
 *   `firewalld.refused` with what it said, `host.program-missing` without busctl; the signal's reason when that aborts
 */
export async function callFirewalld(call: BusCall): Promise<readonly unknown[]> {
  const { method, signature = '', args = [], signal } = call;
  const to = [service, '/org/fedoraproject/FirewallD1', [service, call.interface].filter(Boolean).join('.'), method];
  const [file, ...argv] = busctl(
    call,
    `--timeout=${call.patience ?? patienceSeconds}`,
    '--auto-start=no',
    '--',
    'call',
    ...to,
    signature,
    ...args,
  );
  const result = await execa(file, argv, {
    reject: false,
    timeout: programMs,
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
  if (result.timedOut) throw away('It did not answer within 10 s');
  if (result.exitCode === 0) return parseReply(result.stdout ?? '');
  throw problemOf(`${method} ${args.join(' ')}`, result.stderr ?? '');
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
  if (/timed out|Timeout/i.test(detail)) return away('It did not answer within 10 s');
  if (
    /not provided|NameHasNoOwner|ServiceUnknown|could not activate|not found\.?$|Failed to connect|No such file|Could not activate/i.test(
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
