import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { until } from '../../lab/until.ts';

/** A real firewalld with a bus of its own, in a network namespace. */
export class FirewalldDaemon implements AsyncDisposable {
  readonly bus: string;
  readonly #dir: string;
  readonly #netns: string;
  readonly #bus: ChildProcess;
  #daemon: ChildProcess | undefined;

  constructor(dir: string, netns: string, bus: ChildProcess) {
    this.#dir = dir;
    this.#netns = netns;
    this.#bus = bus;
    this.bus = busAddress(dir);
  }

  /** @param netns path of the network namespace */
  static async start(netns: string): Promise<FirewalldDaemon> {
    const dir = await mkdtemp(join(tmpdir(), 'coit-fw-'));
    await mkdir(join(dir, 'etc'));
    await writeFile(join(dir, 'bus.conf'), busConfig(busAddress(dir)));
    await writeFile(join(dir, 'etc', 'firewalld.conf'), 'DefaultZone=public\nFirewallBackend=nftables\n');
    const bus = spawn('dbus-daemon', [`--config-file=${dir}/bus.conf`, '--nofork', '--nopidfile'], { stdio: 'ignore' });
    const daemon = new FirewalldDaemon(dir, netns, bus);
    await until('the bus', () => Promise.resolve(existsSync(join(dir, 'bus')) || undefined));
    await daemon.up();
    return daemon;
  }

  /** Starts the stopped firewalld and waits until it answers. */
  async up(): Promise<void> {
    const options = ['--nofork', '--nopid', '--system-config', `${this.#dir}/etc`, '--log-target', 'file'];
    const argv = [`--net=${this.#netns}`, 'firewalld', ...options, '--log-file', `${this.#dir}/log`];
    this.#daemon = spawn('nsenter', argv, { stdio: 'ignore', env: this.#env() });
    await until('firewalld', async () => ((await this.cmd('--state')) === 'running' ? true : undefined), {
      timeoutMs: 60_000,
    });
  }

  /** Ends firewalld; the bus stays. */
  async down(signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<void> {
    await end(this.#daemon, signal);
  }

  /** Stops and continues it: while stopped it takes calls and answers none. */
  hang(isHanging: boolean): void {
    this.#daemon?.kill(isHanging ? 'SIGSTOP' : 'SIGCONT');
  }

  /** What firewall-cmd printed, whatever its exit code. */
  async cmd(...args: readonly string[]): Promise<string> {
    const { stdout } = await execa('firewall-cmd', args, { reject: false, env: this.#env() });
    return stdout;
  }

  #env(): NodeJS.ProcessEnv {
    return { ...process.env, DBUS_SYSTEM_BUS_ADDRESS: this.bus };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.hang(false);
    await this.down('SIGKILL');
    await end(this.#bus, 'SIGKILL');
    await rm(this.#dir, { recursive: true });
  }
}

function busAddress(dir: string): string {
  return `unix:path=${dir}/bus`;
}

async function end(child: ChildProcess | undefined, signal: NodeJS.Signals): Promise<void> {
  if (!child || child.exitCode !== null || child.signalCode !== null) return;
  child.kill(signal);
  await once(child, 'exit');
}

/** A system bus that lets root do all, as the distribution's does for firewalld. See dbus-daemon(1). */
function busConfig(address: string): string {
  return `<busconfig>
  <type>system</type>
  <listen>${address}</listen>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow receive_sender="*" eavesdrop="true"/>
    <allow own="*"/>
    <allow user="*"/>
  </policy>
</busconfig>
`;
}
