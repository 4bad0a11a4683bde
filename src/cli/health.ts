import { systemClock } from '../base/clock.ts';
import type { ControlApi } from '../controller/control-api.ts';
import { checks } from '../health/checks.ts';
import { runChecks, type HealthReport } from '../health/run-checks.ts';
import { Sight } from '../health/sight.ts';
import { openIncus } from '../host/incus/client.ts';
import { incusSocket } from '../host/incus/socket.ts';
import { ownerOf } from '../session/save/owner.ts';
import { openClient, probeSocket } from './client.ts';
import { healthSettings } from './health-settings.ts';
import { tryOut } from './health-trial.ts';
import type { Io } from './io.ts';
import { withProgress } from './progress.ts';
import { showHealth } from './render-health.ts';
import { adminSocket } from './run-directory.ts';
import type { Verb } from './verb.ts';
import { whoCalls } from './who.ts';

/** `coi health` */
export const health: Verb = async ({ io, options }) => {
  const isVerbose = options['verbose'] === true;
  const report = await withProgress(io, 'Looking at this host', () => examine(io, isVerbose));
  return showHealth(io, report, { isVerbose, isJson: options['format'] === 'json' });
};

async function examine(io: Io, isVerbose: boolean): Promise<HealthReport> {
  const { settings, asked } = await healthSettings(io);
  await using incus = openIncus({
    socketPath: incusSocket(io.env),
    project: settings.incus.project,
    clock: systemClock,
  });
  const sight = new Sight({
    incus,
    bridgeName: settings.controller.bridge,
    controller: async () => (await askController(io, (api) => api.status()))?.host,
    orphans: () => askController(io, (api) => api.orphans()),
    settings: asked,
    owner: () => ownerOf(whoCalls(io).uid),
    tryOut: (looking) => tryOut(io, settings, looking),
    isRoot: process.getuid?.() === 0,
    signal: io.signal,
  });
  const wanted = checks.filter(({ isExtra }) => isVerbose || isExtra !== true);
  return await runChecks(wanted, sight, io.clock.now());
}

/** Nobody is started for this: that there is no controller is worth knowing. */
async function askController<Answer>(io: Io, ask: (api: ControlApi) => Promise<Answer>): Promise<Answer | undefined> {
  const path = await adminSocket(io);
  if ((await probeSocket(path)) !== undefined) return undefined;
  return ask(openClient({ path, signal: io.signal }));
}
