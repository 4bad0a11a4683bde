import { mkdtemp, rmdir } from 'node:fs/promises';
import { connect as dial } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Problem } from '../base/problem.ts';
import type { Sight } from '../health/sight.ts';
import {
  parsePlace,
  readTrial,
  trialArguments,
  trialScript,
  type Place,
  type Trial,
  type TrialTargets,
} from '../health/trial.ts';
import { parseInterfaceAddress, prefixSize, renderAddress } from '../network/address.ts';
import type { Sandbox } from '../spec/sandbox.ts';
import type { Settings } from '../spec/settings.ts';
import { openClient, probeSocket } from './client.ts';
import { forThisProcess, inSession } from './in-session.ts';
import type { Io } from './io.ts';
import { adminSocket } from './run-directory.ts';
import { askForSession } from './session-request.ts';

/** What its name begins with: one of nobody, so that commands on all sessions and on those that run do not mean it. */
export const trialPrefix = 'coi-health-';

/** Longest run of the script inside, in milliseconds. */
const scriptMs = 15_000;
const dialMs = 2_500;

/**
 * Has a restricted sandbox of its own try where it gets to, and takes it away again.
 *
 * @throws {Problem} `health.untried` when there is nothing to try it with; what keeps the sandbox from starting
 */
export async function tryOut(io: Io, { health }: Settings, sight: Sight): Promise<Trial> {
  const { ipv4 } = await sight.requireBridge();
  const reach = parsePlace(health.reach);
  const targets = { reach, private: health.private.map(parsePlace), forged: lastAddress(ipv4) };
  const path = await adminSocket(io);
  if ((await probeSocket(path)) !== undefined)
    throw untried('no controller answers, and nobody else is to start sandboxes for this');
  const hostReaches = reaches(reach);
  const here = await mkdtemp(join(tmpdir(), 'coi-health-'));
  try {
    const printed = await runInside({ ...io, cwd: here }, path, { sight, targets });
    return readTrial(targets, await hostReaches, printed);
  } finally {
    await rmdir(here);
  }
}

interface TrialRun {
  readonly sight: Sight;
  readonly targets: TrialTargets;
}

async function runInside(io: Io, path: string, { sight, targets }: TrialRun): Promise<string> {
  const nobody = { ...io, env: { ...io.env, COI_CONTAINER_PREFIX: trialPrefix } };
  const asked = await askForSession(nobody, {}, { adjust: restricted });
  const { image } = asked.sandbox;
  if (!(await hasImage(sight, image))) throw untried(`there is no image "${image}"`);
  const api = openClient({ path, signal: new AbortController().signal });
  return await inSession({ api, io, asked, isShown: false, untilGone: true }, async ({ instance }) => {
    const argv = ['bash', '-c', trialScript, 'coi', ...trialArguments(targets)];
    const ran = await sight.incus.exec.run(instance, argv, { uid: 0, timeoutMs: scriptMs, signal: io.signal });
    if (ran.exitCode === 127) throw untried(`the image "${image}" has no bash`);
    return ran.stdout.toString('utf8');
  });
}

/** Nothing of the host's goes in, and nothing is let out. */
function restricted({ workspace: _workspace, mounts: _mounts, protectedPaths: _paths, ...sandbox }: Sandbox): Sandbox {
  return forThisProcess({ ...sandbox, persistent: false, network: { mode: 'restricted' } });
}

async function hasImage({ incus, signal }: Sight, image: string): Promise<boolean> {
  const all = await incus.images.list({ signal });
  return all.some(({ aliases, fingerprint }) => aliases.includes(image) || fingerprint.startsWith(image));
}

function untried(why: string): Problem {
  return new Problem({ code: 'health.untried', message: `It could not be tried: ${why}` });
}

/** The last one before the broadcast address: nearly nobody has that. */
function lastAddress(ipv4: string): string {
  const { prefix } = parseInterfaceAddress(ipv4);
  return renderAddress({ family: 4, value: prefix.value + prefixSize(prefix) - 2n });
}

/** Whether this host connects to a place in time. */
async function reaches({ host, port }: Place): Promise<boolean> {
  const socket = dial({ host, port });
  try {
    await once(socket, 'connect', { signal: AbortSignal.timeout(dialMs) });
    return true;
  } catch {
    // However that ends, it does not; what that means is told with what the sandbox found.
    return false;
  } finally {
    socket.destroy();
  }
}
