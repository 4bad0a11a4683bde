import { existsSync } from 'node:fs';
import { readdir, readFile, readlink } from 'node:fs/promises';
import { request } from 'node:http';
import { delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Inside } from './inside.ts';
import type { Running } from './running.ts';

/** Where distributions put the daemon: not on the PATH, as a rule. */
const daemonFolders = ['/usr/libexec/incus', '/usr/lib/incus', '/opt/incus/bin', '/usr/local/sbin', '/usr/local/bin'];

/** The installed incusd, or undefined. */
export function findIncusd(): string | undefined {
  const folders = [...daemonFolders, ...(process.env['PATH'] ?? '').split(delimiter)];
  return folders.map((folder) => join(folder, 'incusd')).find((file) => existsSync(file));
}

/** The lab's own incusd. Containers go on running while it is away. */
export class IncusDaemon {
  readonly #inside: Inside;
  readonly #socket: string;
  #running: Running | undefined;

  constructor(inside: Inside, socket: string) {
    this.#inside = inside;
    this.#socket = socket;
  }

  /** Its process id while it runs. */
  get pid(): number | undefined {
    return this.#running?.alive === true ? this.#running.pid : undefined;
  }

  /** What it has printed since its last start. */
  get output(): string {
    return this.#running?.output ?? '';
  }

  /**
   * Starts it and waits until it answers.
   *
   * @throws when it ends or 30 s pass; the message holds what it printed.
   */
  async start(): Promise<void> {
    if (this.pid !== undefined) throw new Error('The lab has an incusd running already');
    const running = this.#inside.spawn([findIncusd() ?? 'incusd', '--group', 'incus-admin', '--verbose'], { cwd: '/' });
    this.#running = running;
    const deadline = performance.now() + 30_000;
    while (!(await answersReady(this.#socket))) {
      if (!running.alive) throw new Error(`incusd ended at once:\n${running.output}`);
      if (performance.now() > deadline) throw new Error(`incusd was not ready after 30 s:\n${running.output}`);
      await sleep(20);
    }
  }

  /** Ends it: SIGTERM lets it finish what it does, SIGKILL does not. Containers stay. */
  async stop(signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<void> {
    const { pid } = this;
    const namespace = pid === undefined ? undefined : await mountNamespace(pid);
    await this.#running?.stop(signal);
    if (namespace !== undefined) await endStoppedChildren(namespace);
  }
}

/**
 * While it makes an idmapped mount, incusd has a child that stops itself and waits to be killed. When incusd dies at that
 * moment, the child stays, with all that was open, and the next incusd hangs on its database. Whoever kills it on purpose
 * clears that away.
 */
async function endStoppedChildren(namespace: string): Promise<void> {
  for (const name of await readdir('/proc')) {
    const pid = Number(name);
    if (!Number.isInteger(pid) || (await mountNamespace(pid)) !== namespace) continue;
    const [stat, command] = await Promise.all([textOf(`/proc/${pid}/stat`), textOf(`/proc/${pid}/cmdline`)]);
    const state = stat.slice(stat.lastIndexOf(')') + 2)[0];
    if (state === 'T' && /incusd\0/.test(command)) process.kill(pid, 'SIGKILL');
  }
}

/** Of a process; undefined when there is none. */
function mountNamespace(pid: number): Promise<string | undefined> {
  return readlink(`/proc/${pid}/ns/mnt`).catch(() => undefined);
}

/** Of a file of a process; nothing when the process is gone. */
function textOf(path: string): Promise<string> {
  return readFile(path, 'utf8').catch(() => '');
}

/** Whether the daemon behind `socket` has finished starting: `/internal/ready` answers 200 then and 503 before. */
function answersReady(socket: string): Promise<boolean> {
  return new Promise((resolve) => {
    const asked = request({ socketPath: socket, path: '/internal/ready', agent: false, timeout: 2000 }, (reply) => {
      reply.resume();
      reply.once('end', () => resolve(reply.statusCode === 200));
    });
    asked.once('timeout', () => asked.destroy());
    // No socket, or nobody behind it: not ready yet.
    asked.once('error', () => resolve(false));
    asked.end();
  });
}
