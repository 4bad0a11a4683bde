import { chmod, chown, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { createContainer } from '../lab/create.ts';
import { labEnvironment } from '../lab/controller.ts';
import type { RunResult } from '../lab/inside.ts';
import { openLab, type Lab } from '../lab/lab.ts';
import type { Running } from '../lab/running.ts';
import { coi } from './peer.ts';
import { mainProgram } from '../program.ts';

/** A user of the host who may use Incus and is not root. */
export const userId = 4_321;

/** A lab without a controller, a container in it, and somebody who copies files. */
export class FileDesk implements AsyncDisposable {
  readonly lab: Lab;
  /** A directory of the user's to work in. */
  readonly here: string;
  readonly env: Readonly<Record<string, string>>;

  private constructor(lab: Lab, here: string, env: FileDesk['env']) {
    this.lab = lab;
    this.here = here;
    this.env = env;
  }

  static async open(name: string): Promise<FileDesk> {
    const lab = await openLab({ name });
    const here = join(lab.dir, 'here');
    await mkdir(here);
    await chown(here, userId, userId);
    await chmod(lab.dir, 0o755);
    const env = { ...(await labEnvironment(lab)), HOME: here, NODE_DISABLE_COMPILE_CACHE: '1' };
    const desk = new FileDesk(lab, here, env);
    await createContainer(lab, { name: 'coi-box' });
    await desk.inside('mkdir -p /srv');
    return desk;
  }

  /** Runs the real command as the user. */
  user(...argv: string[]): Promise<RunResult> {
    return this.lab.run(this.#asUser(argv), { env: this.env, cwd: this.here, timeoutMs: 120_000 });
  }

  /** Starts the real command as the user. */
  start(...argv: string[]): Running {
    return this.lab.spawn(this.#asUser(argv), { env: this.env, cwd: this.here });
  }

  #asUser(argv: readonly string[]): string[] {
    const who = ['setpriv', `--reuid=${userId}`, `--regid=${userId}`, '--groups=incus-admin'];
    return [...who, process.execPath, mainProgram, ...argv];
  }

  /** Runs a command in this process, as root: quicker where there are many. */
  root(...argv: string[]) {
    return coi(argv, { env: { ...this.env }, cwd: this.here });
  }

  /** Runs a script on this host as the user, in the user's directory. */
  async host(script: string): Promise<string> {
    const who = ['setpriv', `--reuid=${userId}`, `--regid=${userId}`, '--clear-groups'];
    return this.lab.inside.output([...who, 'sh', '-euc', script], { cwd: this.here, timeoutMs: 120_000 });
  }

  /** Runs a script in the container, as its root. */
  async inside(script: string, name = 'coi-box'): Promise<string> {
    return this.lab.inside.output(['incus', 'exec', name, '--', 'sh', '-euc', script], { timeoutMs: 120_000 });
  }

  /** Where the root of a container is found by this process, past Incus. */
  rootOf(name = 'coi-box'): string {
    const pool = join(this.lab.incusDir, 'storage-pools/default/containers', name, 'rootfs');
    return `/proc/${this.lab.inside.pid}/root${pool}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.lab[Symbol.asyncDispose]();
  }
}
