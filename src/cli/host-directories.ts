import { mkdir, realpath } from 'node:fs/promises';
import { homedir } from 'node:os';
import { resolve } from 'node:path';
import { messageOf, Problem } from '../base/problem.ts';
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

async function ready({ env, cwd }: Io, host: string): Promise<string> {
  const isHome = host === '~' || host.startsWith('~/');
  const path = isHome ? resolve(env['HOME'] || homedir(), `.${host.slice(1)}`) : resolve(cwd, host);
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
