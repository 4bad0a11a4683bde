import { Problem } from '../base/problem.ts';
import type { ControlApi, LookApi } from '../controller/control-api.ts';
import { builtIn } from '../spec/defaults.ts';
import { openClient, probeSocket } from './client.ts';
import type { Io } from './io.ts';
import { withProgress } from './progress.ts';
import { adminSocket } from './run-directory.ts';

/** Whether a command only looks or also changes something. */
export type Access = 'read' | 'write';

/**
 * Somebody who can answer: the controller, or this process where none runs. Nothing else decides between them. Where none
 * runs, a user who is not root can only look, and only at what is not for root alone.
 *
 * @throws {Problem} `cli.no-permission` when this user may not use the controller's socket
 * @throws {Problem} `cli.no-controller` when none runs and this user may not do its work
 */
export async function connect(io: Io, purpose: 'read'): Promise<LookApi & AsyncDisposable>;
export async function connect(io: Io, purpose: Access): Promise<ControlApi & AsyncDisposable>;
export async function connect(io: Io, purpose: Access): Promise<LookApi & AsyncDisposable> {
  const path = await adminSocket(io);
  const failure = await probeSocket(path);
  if (failure === undefined) {
    // A request of the client ends with its answer: nothing stays open.
    return { ...openClient({ path, signal: io.signal }), [Symbol.asyncDispose]: async () => undefined };
  }
  if (failure === 'EACCES' || failure === 'EPERM') throw noPermission(path);
  if (process.getuid?.() === 0) {
    const { openHere } = await import('./daemon.ts');
    return withProgress(io, 'No controller runs; looking at everything from here', () => openHere(io));
  }
  if (purpose === 'write') throw noController(path);
  const { lookHere } = await import('./look-here.ts');
  return lookHere(io, path);
}

/**
 * The controller that runs: for what nobody can say in its place.
 *
 * @throws {Problem} `cli.no-permission` when this user may not use its socket, `cli.no-controller` when none runs
 */
export async function connectRunning(io: Io): Promise<ControlApi> {
  const path = await adminSocket(io);
  const failure = await probeSocket(path);
  if (failure === undefined) return openClient({ path, signal: io.signal });
  throw failure === 'EACCES' || failure === 'EPERM' ? noPermission(path) : noController(path);
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
