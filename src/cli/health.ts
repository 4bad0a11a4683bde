import { join } from 'node:path';
import { pause } from '../base/clock.ts';
import { Problem } from '../base/problem.ts';
import type { ControlApi } from '../controller/control-api.ts';
import type { Caller } from '../health/caller.ts';
import { checksFor, type CheckChoice } from '../health/checks.ts';
import { thisMachine } from '../health/machine.ts';
import { runChecks, type HealthReport } from '../health/run-checks.ts';
import { Sight } from '../health/sight.ts';
import { ownerOf } from '../session/save/owner.ts';
import type { Settings } from '../spec/settings.ts';
import { openClient, probeSocket } from './client.ts';
import { withFlags } from './health-settings.ts';
import { tryOut } from './health-trial.ts';
import type { Io } from './io.ts';
import type { ToolFlags } from './meant-tool.ts';
import { openIncusIn } from './open-own-incus.ts';
import { withProgress } from './progress.ts';
import { showHealth } from './render-health.ts';
import { savedSessions } from './resume-session.ts';
import { readUsableSettings } from './settings.ts';
import type { Verb } from './verb.ts';
import { whoCalls } from './who.ts';

/** How long clearing a sandbox away takes at most, in milliseconds. */
const settleMs = 2_000;

/** `coi health` */
export const health: Verb = async ({ io, options }) => {
  const isVerbose = options['verbose'] === true;
  const choice = { isVerbose, isQuick: options['quick'] === true };
  const report = await withProgress(io, 'Looking at this host', () => examine(io, choice, options as ToolFlags));
  return showHealth(io, report, { isVerbose, isJson: options['format'] === 'json' });
};

/** Settings that cannot be used are something to be told: what they leave open is looked at as if they were not there. */
async function examine(io: Io, choice: CheckChoice, flags: ToolFlags): Promise<HealthReport> {
  const [usable, { settings: host }] = await Promise.all([readUsableSettings(io, false), readUsableSettings(io, true)]);
  const seen = withFlags(usable, flags);
  await using incus = openIncusIn(io, host.incus.project);
  const isRoot = process.getuid?.() === 0;
  // What root's own settings say is about root's sessions, not about the controller.
  const controller = controllerOf(io, isRoot ? host : seen.settings);
  const { uid } = whoCalls(io);
  const sight = new Sight({
    incus,
    bridgeName: host.controller.bridge,
    controller: async () => (await (await controller())?.status())?.host,
    orphans: async () => (await controller())?.orphans(),
    settle: () => pause(io.clock, settleMs, io.signal),
    savedSessions: async (tool) => (await (await savedSessions(io, tool)).list()).length,
    seen,
    host,
    machine: thisMachine(),
    caller: await callerOf(uid),
    now: io.clock.now(),
    tryOut: (looking) => tryOut(io, host, looking),
    isRoot,
    signal: io.signal,
  });
  return await runChecks(checksFor(choice), sight, io.clock.now());
}

/** Nobody is started for this: that there is no controller is worth knowing. */
function controllerOf({ signal }: Io, { controller: { runDir } }: Settings): () => Promise<ControlApi | undefined> {
  const path = join(runDir, 'coi.sock');
  return async () => ((await probeSocket(path)) === undefined ? openClient({ path, signal }) : undefined);
}

async function callerOf(uid: number): Promise<Caller> {
  try {
    return await ownerOf(uid);
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    // The user database knows no home of this user, which checks tell where it matters.
    return { uid, gid: -1, home: undefined };
  }
}
