import { Problem } from '../base/problem.ts';
import type { Instance } from '../host/incus/instance.ts';
import type { Manifest, Sandbox } from '../spec/sandbox.ts';
import type { VerbReport } from './control-api.ts';
import { placeText } from './report.ts';

/** Why a command cannot change what is not in its own source. */
export function refusal(name: string, manifest: Manifest | undefined): VerbReport {
  if (!manifest) return { name, done: false, message: 'It is no longer declared and is on its way out' };
  const where = placeText(manifest.position);
  return { name, done: false, message: `It is declared in ${where}: take it out there, or hold it with coi suspend` };
}

/** Why no command deletes it, now or once it has stopped; false where one may. */
export function protection({ policy }: Sandbox): string | false {
  return policy.deletion === 'protect' && 'Its policy.deletion is "protect": apply it with another value first';
}

/** What was to be deleted only if it is stopped runs. */
export function stillRuns(name: string, { name: instance, status }: Instance): VerbReport {
  const stop = `stop it first with coi container stop ${instance}`;
  const message = `It is ${status.toLowerCase()}, and only what is stopped is deleted: ${stop}, or delete it with --force`;
  return { name, done: false, message };
}

/** Why nothing is known of what a sandbox does. */
export function notWatching(): Problem {
  return new Problem({
    code: 'monitor.off',
    message: 'Nothing is watched here: that takes a controller that runs',
    hint: 'Start it: sudo systemctl start coi, or without systemd: sudo coi controller',
  });
}
