import type { VerbReport } from '../controller/control-api.ts';
import { exitCodes } from './failure.ts';
import type { Call } from './verb.ts';
import { jsonText, printable } from './printable.ts';
import { compare } from './sort-status.ts';

/** Show how each sandbox took a command: what was done on stdout, what was not on stderr. @returns the exit code */
export function showReports({ io, options }: Call, reports: readonly VerbReport[], ifNone: string): number {
  const sorted = reports.toSorted((a, b) => compare(a.name, b.name));
  if (options['format'] === 'json') {
    io.stdout.write(jsonText(sorted));
  } else {
    for (const { name, done, message } of sorted) {
      const line = `${printable(name)}: ${printable(message)}\n`;
      if (done) io.stdout.write(line);
      else io.stderr.write(`coi: ${line}`);
    }
    if (sorted.length === 0) io.stdout.write(`${ifNone}\n`);
  }
  return sorted.every(({ done }) => done) ? exitCodes.done : exitCodes.failed;
}
