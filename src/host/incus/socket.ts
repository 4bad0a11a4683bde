import { existsSync } from 'node:fs';
import { join } from 'node:path';

/** Where incusd keeps its files unless it is told otherwise. */
export const usualHome = '/var/lib/incus';

/** Where incusd keeps its files: `INCUS_DIR`, else its own default. @see Incus documentation, "Environment variables" */
export function incusHome(env: Readonly<Record<string, string | undefined>>): string {
  return env['INCUS_DIR'] || usualHome;
}

const usual = ['/run/incus/unix.socket', `${usualHome}/unix.socket`];

/**
 * Where Incus' unix socket is: `INCUS_SOCKET`, else `INCUS_DIR`/unix.socket, else the first usual place that exists,
 * else the first usual place, so that the error names it.
 */
export function incusSocket(env: Readonly<Record<string, string | undefined>>): string {
  if (env['INCUS_SOCKET']) return env['INCUS_SOCKET'];
  if (env['INCUS_DIR']) return join(env['INCUS_DIR'], 'unix.socket');
  return usual.find((path) => existsSync(path)) ?? usual[0]!;
}
