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
