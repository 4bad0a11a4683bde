import { chown, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { systemClock } from '../../../src/base/clock.ts';
import { type Incus, openIncus } from '../../../src/host/incus/client.ts';
import type { CopyResult, SaveResult } from '../../../src/session/save/job.ts';
import { restoreSession, type RestoreInit } from '../../../src/session/save/restore-session.ts';
import { saveSession, type SaveInit } from '../../../src/session/save/save-session.ts';
import { SavedSessions } from '../../../src/session/save/saved-sessions.ts';
import { createContainer } from '../../lab/create.ts';
import { openLab, type Lab } from '../../lab/lab.ts';

export const never = new AbortController().signal;

/** The user of the host whose sessions they are. */
export const uid = 4_242;

const guest = { home: '/home/code', paths: ['.claude', '.config/opencode'], exclude: ['.claude/.credentials.json'] };

/** A lab with containers to save from, and the home of a user to save to. */
export class Box implements AsyncDisposable {
  readonly lab: Lab;
  readonly incus: Incus;
  readonly home: string;

  private constructor(lab: Lab) {
    this.lab = lab;
    this.incus = openIncus({ socketPath: lab.socket, clock: systemClock });
    this.home = join(lab.dir, 'home');
  }

  static async open(name: string): Promise<Box> {
    const box = new Box(await openLab({ name }));
    await box.newHome();
    return box;
  }

  /** Gives the user a directory to be a home; a new name for each test. */
  async newHome(name = ''): Promise<string> {
    const home = this.home + name;
    await mkdir(home, { recursive: true });
    await chown(home, uid, uid);
    return home;
  }

  /** A running container, with what a script makes in `/home/code`, as the code user where it does not say otherwise. */
  async create(name: string, script = ''): Promise<void> {
    await createContainer(this.lab, { name });
    if (script !== '') await this.inside(name, `cd /home/code\n${script}\nchown -hR 1000:1000 /home/code`);
  }

  async inside(name: string, script: string): Promise<string> {
    return this.lab.inside.output(['incus', 'exec', name, '--', 'sh', '-euc', script], { timeoutMs: 120_000 });
  }

  async stop(name: string): Promise<void> {
    await this.lab.incus('stop', name, '--force');
  }

  /** A stopped container like {@link create}'s. */
  async stopped(name: string, script: string): Promise<void> {
    await this.create(name, script);
    await this.stop(name);
  }

  /** Runs a program in the file system of a stopped container, as root of the host: what an escape could leave there. */
  async asHost(name: string, script: string): Promise<string> {
    const root = join(this.lab.incusDir, 'storage-pools/default/containers', name, 'rootfs/home/code');
    return this.lab.inside.output(['sh', '-euc', `cd ${root}\n${script}`]);
  }

  save(instance: string, init: Partial<SaveInit> & { readonly home?: string } = {}): Promise<SaveResult> {
    const { home = this.home, ...rest } = init;
    const session = { id: 'session', container: 'coi-bbb41b38-1', persistent: false, workspace: '/w' };
    return saveSession(
      { instance, place: { owner: { uid, gid: uid, home }, tool: 'claude' }, session, guest, signal: never, ...rest },
      { incus: this.incus, clock: systemClock },
    );
  }

  restore(instance: string, init: Partial<RestoreInit> & { readonly home?: string } = {}): Promise<CopyResult> {
    const { home = this.home, ...rest } = init;
    const place = { owner: { uid, gid: uid, home }, tool: 'claude' };
    const own = { instance, place, id: 'session', workspace: '/w', guest, guestOwner: { uid: 1_000, gid: 1_000 } };
    return restoreSession({ ...own, signal: never, ...rest }, { incus: this.incus, clock: systemClock });
  }

  sessions(home = this.home): SavedSessions {
    const place = { owner: { uid, gid: uid, home }, tool: 'claude' };
    return new SavedSessions({ place, clock: systemClock, signal: never });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.incus[Symbol.asyncDispose]();
    await this.lab[Symbol.asyncDispose]();
  }
}
