import type { SandboxReport } from '../controller/report.ts';
import type { Io } from './io.ts';
import { printable } from './printable.ts';

/** Say what of a workspace could not be protected: what is written there, a program of this user's may run. */
export function warnUnprotected({ stderr }: Io, { instance, name, conditions }: SandboxReport): void {
  for (const { type, status, message } of conditions) {
    if (type !== 'Protected' || status !== 'False') continue;
    stderr.write(
      `coi: warning: ${instance}: ${printable(message)}\n  Put it right and start again; more: coi why ${name}\n`,
    );
  }
}
