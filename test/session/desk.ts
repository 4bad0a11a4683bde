import { chmod, chown, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { workspaceHash } from '../../src/spec/session-names.ts';
import { startController, type ControllerOptions, type LabController } from '../lab/controller.ts';
import type { ImageName } from '../lab/image-cache.ts';
import type { InsideOptions, RunResult } from '../lab/inside.ts';
import { openLab, type Lab } from '../lab/lab.ts';
import type { Running } from '../lab/running.ts';
import { labSettings } from '../lab/settings.ts';
import { until } from '../lab/until.ts';
import { mainProgram } from '../program.ts';

/** A lab with a controller, and directories to work in: what somebody has who types commands. */
export class Desk implements AsyncDisposable {
  readonly lab: Lab;
  readonly controller: LabController;

  constructor(lab: Lab, controller: LabController) {
    this.lab = lab;
    this.controller = controller;
  }

  /** A directory of its own to work in, open to read. */
  async workspace(name: string): Promise<string> {
    const path = join(this.lab.dir, name);
    await mkdir(path, { recursive: true });
    await chmod(path, 0o755);
    return path;
  }

  /** Name of the container in a slot of a workspace. */
  instance(workspace: string, slot = 1, prefix = 'coi-'): string {
    return `${prefix}${workspaceHash(workspace)}-${slot}`;
  }

  /** Runs `coi` in a directory to its end. */
  coi(cwd: string, args: readonly string[], options: InsideOptions = {}): Promise<RunResult> {
    return this.controller.coiWith({ cwd, timeoutMs: 120_000, ...options }, ...args);
  }

  /** Runs a command in the small image to its end. */
  run(cwd: string, args: readonly string[], options: InsideOptions = {}): Promise<RunResult> {
    return this.coi(cwd, ['run', '--image', 'busybox', ...args], options);
  }

  /** Starts a command in the small image that goes on. */
  start(cwd: string, args: readonly string[]): Running {
    return this.spawn(cwd, ['run', '--image', 'busybox', ...args]);
  }

  /** Starts `coi` in a directory. */
  spawn(cwd: string, args: readonly string[]): Running {
    return this.lab.spawn([process.execPath, mainProgram, ...args], { cwd, env: this.controller.env });
  }

  /** Saves the settings of the host, for commands that start from now on. */
  async settings(text: string): Promise<void> {
    const settings = `[incus]\nstorage_pool = "default"\n${text}`;
    await writeFile(join(this.lab.dir, 'etc/config.toml'), labSettings({ settings }));
  }

  /** Waits until nothing is left of any session: the last files go when the command has ended already. */
  async cleared(): Promise<void> {
    const isClear = async () =>
      (await this.controller.status()).sandboxes.length === 0 && (await this.controller.instances()).size === 0;
    await until('nothing to be left', isClear, { timeoutMs: 60_000 });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.controller[Symbol.asyncDispose]();
    await this.lab[Symbol.asyncDispose]();
  }
}

export async function openDesk(
  name: string,
  images: readonly ImageName[] = ['busybox'],
  options: ControllerOptions = {},
): Promise<Desk> {
  const lab = await openLab({ name, images });
  try {
    await giveHome(lab);
    return new Desk(lab, await startController(lab, options));
  } catch (error) {
    await lab[Symbol.asyncDispose]();
    throw error;
  }
}

/** A home for the lab's own root, and one for a user without rights: what is saved must not end up on the host. */
async function giveHome(lab: Lab): Promise<void> {
  const users = (await readFile('/etc/passwd', 'utf8')).replace(/^root:.*$/m, `root:x:0:0:root:${homeIn(lab)}:/bin/sh`);
  const dev = homeIn(lab, 'dev');
  await writeFile(join(lab.dir, 'passwd'), `${users}dev:x:${devId}:${devId}::${dev}:/bin/sh\n`);
  for (const path of [homeIn(lab), dev]) await mkdir(path, { recursive: true });
  await chown(dev, devId, devId);
  // Only in the lab's own view of the file system.
  await lab.inside.output(['mount', '--bind', join(lab.dir, 'passwd'), '/etc/passwd']);
}

/** A user of the host who has a home, and no rights. */
export const devId = 4321;

/** The home of a user in a lab. */
export function homeIn(lab: Lab, user: 'root' | 'dev' = 'root'): string {
  return join(lab.dir, `home-${user}`);
}
