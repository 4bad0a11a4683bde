import { mkdir, realpath } from 'node:fs/promises';
import { homedir } from 'node:os';
import { resolve } from 'node:path';
import { messageOf, Problem } from '../base/problem.ts';
import { namedDirectories } from '../spec/environment.ts';
import type { Settings } from '../spec/settings.ts';
import type { Io } from './io.ts';
import type { SessionOptions } from './session-flags.ts';

/** Mounts as a layer has them. */
export type MountLayer = Readonly<Record<string, { readonly host: string }>>;

/**
 * The mounts of `--mount` and `--storage`, made as this user where they are not there, without links.
 *
 * @throws {Problem} `session.mount` for a path inside that two of them name, or a directory that cannot be made
 */
export async function mountsOf(io: Io, { mount = [], storage }: SessionOptions): Promise<MountLayer | undefined> {
  const wanted = storage === undefined ? mount : [...mount, { host: storage, container: '/storage' }];
  if (wanted.length === 0) return undefined;
  const layer: Record<string, { host: string }> = {};
  for (const { host, container } of wanted) {
    if (Object.hasOwn(layer, container)) throw twice(container);
    layer[container] = { host: await ready(io, host) };
  }
  return layer;
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

async function ready(io: Io, host: string): Promise<string> {
  const path = pathOf(io, host);
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
