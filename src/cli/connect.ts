import { access, constants } from 'node:fs/promises';
import { Problem } from '../base/problem.ts';
import type { ControlApi } from '../controller/control-api.ts';
import { builtIn } from '../spec/defaults.ts';
import { openClient, probeSocket } from './client.ts';
import type { Io } from './io.ts';
import { withProgress } from './progress.ts';
import { adminSocket } from './run-directory.ts';

/** Whether a command only looks or also changes something. */
export type Access = 'read' | 'write';

/**
 * Somebody who can answer: the controller, or this process where none runs. Nothing else decides between them.
 *
 * @throws {Problem} `cli.no-permission` when this user may not use the controller's socket
 * @throws {Problem} `cli.no-controller` when none runs and this user may not do its work
 */
export async function connect(io: Io, purpose: Access): Promise<ControlApi & AsyncDisposable> {
  const path = await adminSocket(io);
  const failure = await probeSocket(path);
  if (failure === undefined) {
    // A request of the client ends with its answer: nothing stays open.
    return { ...openClient({ path, signal: io.signal }), [Symbol.asyncDispose]: async () => undefined };
  }
  if (failure === 'EACCES' || failure === 'EPERM') throw noPermission(path);
  const isRoot = process.getuid?.() === 0;
  if (isRoot || (purpose === 'read' && (await mayUseIncus(io.env)))) {
    const { openHere } = await import('./daemon.ts');
    return withProgress(io, 'No controller runs; looking at everything from here', () => openHere(io)).catch(
      (error: unknown) => {
        throw error instanceof Problem && error.code === 'daemon.not-root' ? noController(path) : error;
      },
    );
  }
  throw noController(path);
}

async function mayUseIncus(env: NodeJS.ProcessEnv): Promise<boolean> {
  const { incusSocket } = await import('../host/incus/socket.ts');
  try {
    await access(incusSocket(env), constants.R_OK | constants.W_OK);
    return true;
  } catch {
    // Not there or not for this user: either way it cannot be asked.
    return false;
  }
}

function noPermission(path: string): Problem {
  const { group } = builtIn.incus;
  return new Problem({
    code: 'cli.no-permission',
    message: `Your user may not use the controller's socket ${path}`,
    hint: `It is for the group ${group}: sudo usermod -aG ${group} "$USER", then log in again. Or run this with sudo.`,
  });
}

function noController(path: string): Problem {
  return new Problem({
    code: 'cli.no-controller',
    message: `No controller answers at ${path}`,
    hint: 'Start it: sudo systemctl start coi, or without systemd: sudo coi controller',
  });
}
