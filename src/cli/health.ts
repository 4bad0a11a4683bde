import { systemClock } from '../base/clock.ts';
import type { HostReport } from '../controller/control-api.ts';
import { checks } from '../health/checks.ts';
import { runChecks, type HealthReport } from '../health/run-checks.ts';
import { Sight } from '../health/sight.ts';
import { openIncus } from '../host/incus/client.ts';
import { incusSocket } from '../host/incus/socket.ts';
import { openClient, probeSocket } from './client.ts';
import { tryOut } from './health-trial.ts';
import type { Io } from './io.ts';
import { jsonText, printableReport } from './printable.ts';
import { withProgress } from './progress.ts';
import { renderHealth } from './render-health.ts';
import { adminSocket } from './run-directory.ts';
import { readHostSettings } from './settings.ts';
import { painter } from './style.ts';
import type { Verb } from './verb.ts';

/** Exit codes that scripts may rely on. */
const exitCodes = { healthy: 0, degraded: 1, unhealthy: 2 } as const;

/** `coi health` */
export const health: Verb = async ({ io, options }) => {
  const report = await withProgress(io, 'Looking at this host', () => examine(io));
  if (options['format'] === 'json') io.stdout.write(jsonText(report));
  else {
    const isVerbose = options['verbose'] === true;
    io.stdout.write(renderHealth(printableReport(report), { paint: painter(io.stdout, io), isVerbose }));
  }
  return exitCodes[report.status];
};

async function examine(io: Io): Promise<HealthReport> {
  const settings = await readHostSettings(io);
  const { project } = settings.incus;
  await using incus = openIncus({ socketPath: incusSocket(io.env), project, clock: systemClock });
  const sight = new Sight({
    incus,
    bridgeName: settings.controller.bridge,
    controller: () => askController(io),
    tryOut: (looking) => tryOut(io, settings, looking),
    isRoot: process.getuid?.() === 0,
    signal: io.signal,
  });
  return await runChecks(checks, sight, io.clock.now());
}

/** Nobody is started for this: that there is no controller is worth knowing. */
async function askController(io: Io): Promise<HostReport | undefined> {
  const path = await adminSocket(io);
  if ((await probeSocket(path)) !== undefined) return undefined;
  return (await openClient({ path, signal: io.signal }).status()).host;
}
