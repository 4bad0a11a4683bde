import { mkdir, realpath } from 'node:fs/promises';
import { homedir } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { messageOf, Problem } from '../base/problem.ts';
import { namedDirectories } from '../spec/environment.ts';
import { expandHome } from '../spec/expand-home.ts';
import type { Sandbox } from '../spec/sandbox.ts';
import type { SettingsLayer } from '../spec/schema/files.ts';
import type { Settings } from '../spec/settings.ts';
import type { Io } from './io.ts';
import type { SessionOptions } from './session-flags.ts';

/** Mounts as a layer has them. */
export type MountLayer = Readonly<Record<string, { readonly host: string }>>;

/**
 * The mounts of `--mount` and `--storage`, without links. Nothing is made yet.
 *
 * @throws {Problem} `session.mount` for a path inside that two of them name
 */
export async function mountsOf(io: Io, { mount = [], storage }: SessionOptions): Promise<MountLayer | undefined> {
  const wanted = storage === undefined ? mount : [...mount, { host: storage, container: '/storage' }];
  if (wanted.length === 0) return undefined;
  const layer: Record<string, { host: string }> = {};
  for (const { host, container } of wanted) {
    if (Object.hasOwn(layer, container)) throw twice(container);
    layer[container] = { host: await withoutLinks(pathOf(io, host)) };
  }
  return layer;
}

/**
 * Where the directories that settings mount really are, as they are now: a project is judged by what its links lead to.
 *
 * @param home what `~` stands for
 * @returns a sandbox of these settings with those places in it
 */
export async function locateMounts(home: string, { mounts }: SettingsLayer): Promise<(sandbox: Sandbox) => Sandbox> {
  const named = (mounts?.default ?? []).map(({ host }) => expandHome(host, home));
  const places = new Map(await Promise.all(named.map(async (path) => [path, await withoutLinks(path)] as const)));
  return (sandbox) => {
    if (sandbox.mounts === undefined) return sandbox;
    const located = Object.entries(sandbox.mounts).map(([path, mount]) => {
      return [path, { ...mount, host: places.get(mount.host) ?? mount.host }] as const;
    });
    return { ...sandbox, mounts: Object.fromEntries(located) };
  };
}

/**
 * Make the directories that a sandbox shows, as this user, where they are not there.
 *
 * @throws {Problem} `session.mount` for one that cannot be made, or that a link leads to by now
 */
export async function makeMounts({ mounts = {} }: Sandbox): Promise<void> {
  for (const { host } of Object.values(mounts)) {
    const real = await made(host);
    if (real === host) continue;
    throw new Problem({
      code: 'session.mount',
      message: `Cannot mount "${host}": a link leads to "${real}" by now`,
      hint: 'Name its real path.',
    });
  }
}

/** Make the directories that settings and environment name, as this user. @throws {Problem} `session.directory` */
export async function makeNamedDirectories(io: Io, { layer: { paths = {} } }: Settings): Promise<void> {
  for (const named of namedDirectories(paths, io.env)) {
    const path = pathOf(io, named);
    try {
      await mkdir(path, { recursive: true });
    } catch (cause) {
      throw new Problem({
        code: 'session.directory',
        message: `Cannot make "${path}", which settings or environment name: ${messageOf(cause)}`,
        hint: 'Correct [paths] of the settings, or CLAUDE_ON_INCUS_SESSIONS_DIR or CLAUDE_ON_INCUS_STORAGE_DIR.',
        cause,
      });
    }
  }
}

function pathOf({ env, cwd }: Io, named: string): string {
  const isHome = named === '~' || named.startsWith('~/');
  return isHome ? resolve(env['HOME'] || homedir(), `.${named.slice(1)}`) : resolve(cwd, named);
}

/** Of what is not there, the part that is. What cannot be looked at stays as it is: that tells whoever makes it. */
async function withoutLinks(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch (cause) {
    const isMissing = (cause as NodeJS.ErrnoException).code === 'ENOENT' && path !== '/';
    return isMissing ? join(await withoutLinks(dirname(path)), basename(path)) : path;
  }
}

async function made(path: string): Promise<string> {
  try {
    await mkdir(path, { recursive: true });
    return await realpath(path);
  } catch (cause) {
    throw new Problem({
      code: 'session.mount',
      message: `Cannot mount "${path}": ${messageOf(cause)}`,
      hint: 'Name a directory that you may read, or one that can be made.',
      cause,
    });
  }
}

function twice(container: string): Problem {
  return new Problem({
    code: 'session.mount',
    message: `Two mounts have the same path inside: "${container}"`,
    hint: 'Give each a path of its own.',
  });
}
