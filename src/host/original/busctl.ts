import { Problem } from '../../base/problem.ts';
import { runInNetwork } from '../link/in-network.ts';

const service = 'org.fedoraproject.FirewallD1';

/** A call of firewalld over D-Bus. See firewalld.dbus(5). */
export interface FirewalldCall {
  /** Object, counted from firewalld's own: '' for itself, '/config'. A path that firewalld gave is taken whole. */
  readonly object?: string;
  /** Interface, counted from firewalld's own: `direct`, `config.zone`. */
  readonly interface: string;
  readonly method: string;
  /** Types of the arguments, then their values as busctl takes them. See busctl(1). */
  readonly args?: readonly string[];
  readonly signal: AbortSignal;
}

/** Whether firewalld runs. Never starts it. */
export async function isFirewalldRunning(signal: AbortSignal): Promise<boolean> {
  const bus = 'org.freedesktop.DBus';
  const command = ['busctl', '--json=short', 'call', bus, '/org/freedesktop/DBus', bus] as const;
  try {
    const run = await runInNetwork({ command: [...command, 'NameHasOwner', 's', service], signal });
    // A host without a system bus has no firewalld on it.
    return run.code === 0 && run.stdout.includes('true');
  } catch (error) {
    // busctl comes with systemd: where it is missing, so is the bus that firewalld needs.
    if (error instanceof Problem && error.code === 'host.program-missing') return false;
    throw error;
  }
}

/**
 * Calls firewalld.
 *
 * @returns the values of its reply; undefined when it says that there is nothing of the kind, as after somebody else was faster
 * @throws {Problem} `firewalld.failed`
 */
export async function callFirewalld(call: FirewalldCall): Promise<readonly unknown[] | undefined> {
  const { object = '', method, args = [], signal } = call;
  const path = object.startsWith('/org/') ? object : `/org/fedoraproject/FirewallD1${object}`;
  const target = [service, path, call.interface === '' ? service : `${service}.${call.interface}`, method];
  const command = ['busctl', '--json=short', '--auto-start=no', '--timeout=60', '--', 'call', ...target, ...args];
  const run = await runInNetwork({ command: command as [string, ...string[]], signal, timeoutMs: 70_000 });
  if (run.code === 0) return run.stdout.trim() === '' ? [] : (JSON.parse(run.stdout) as { data: unknown[] }).data;
  if (/\b(?:NOT_ENABLED|UNKNOWN_INTERFACE|INVALID_ZONE)\b/.test(run.stderr)) return undefined;
  throw new Problem({
    code: 'firewalld.failed',
    message: `firewalld refused ${method}: ${run.stderr.split('\n')[0]?.trim() ?? ''}`,
    hint: 'See its log: journalctl -u firewalld',
    retry: 'backoff',
  });
}
