import { join, resolve } from 'node:path';
import { verifyChain, type Verified } from '../audit/verify.ts';
import { messageOf, Problem } from '../base/problem.ts';
import { exitCodes } from './failure.ts';
import type { Io } from './io.ts';
import { plural } from './plural.ts';
import { jsonText, printable } from './printable.ts';
import { readSettings } from './settings.ts';
import type { Verb } from './verb.ts';

/** `coi audit verify` */
export const auditVerify: Verb = async ({ io, options }) => {
  const dir = await directoryOf(io, options['dir']);
  const result = await verify(dir);
  io.stdout.write(options['format'] === 'json' ? jsonText({ dir, ...result }) : textOf(dir, result));
  return result.ok ? exitCodes.done : exitCodes.failed;
};

async function directoryOf(io: Io, dir: unknown): Promise<string> {
  if (typeof dir === 'string') return resolve(io.cwd, dir);
  return join((await readSettings(io)).controller.stateDir, 'audit');
}

async function verify(dir: string): Promise<Verified> {
  let result: Verified;
  try {
    result = await verifyChain(dir);
  } catch (cause) {
    throw new Problem({
      code: 'cli.unreadable',
      message: `Cannot read the audit log in "${dir}": ${messageOf(cause)}`,
      hint: 'It is for root: run this with sudo',
      cause,
    });
  }
  if (result.files > 0) return result;
  throw new Problem({
    code: 'cli.no-audit-log',
    message: `There is no audit log in "${dir}"`,
    hint: 'Name its directory with --dir',
  });
}

function textOf(dir: string, { ok, records, files, firstBad }: Verified): string {
  if (ok) return `The audit log is whole: ${plural(records, 'record')} in ${plural(files, 'file')}\n`;
  const where = firstBad ? `${join(dir, firstBad.file)}:${firstBad.line}: ${firstBad.reason}` : dir;
  return `${printable(where)}\nThe audit log was changed after it was written. Good before that: ${plural(records, 'record')}\n`;
}
