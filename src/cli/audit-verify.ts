import { join, resolve } from 'node:path';
import { verifyChain, type Verified } from '../audit/verify.ts';
import { messageOf, Problem } from '../base/problem.ts';
import { verifyDetections, type VerifiedDetections } from '../monitor/log/read.ts';
import { exitCodes } from './failure.ts';
import type { Io } from './io.ts';
import { plural } from './plural.ts';
import { jsonText, printable } from './printable.ts';
import { readSettings } from './settings.ts';
import type { Verb } from './verb.ts';

/** What was checked: the audit log, and the detection logs where none is named. */
interface Checked extends Verified {
  readonly dir: string;
  readonly detections?: readonly VerifiedDetections[];
}

/** `coi audit verify` */
export const auditVerify: Verb = async ({ io, options }) => {
  const checked = await checkAll(io, options['dir']);
  io.stdout.write(options['format'] === 'json' ? jsonText(checked) : textOf(checked));
  return checked.ok ? exitCodes.done : exitCodes.failed;
};

async function checkAll(io: Io, named: unknown): Promise<Checked> {
  if (typeof named === 'string') {
    const dir = resolve(io.cwd, named);
    return withFiles({ dir, ...(await reading(dir, verifyChain)) });
  }
  const { stateDir } = (await readSettings(io)).controller;
  const dir = join(stateDir, 'audit');
  const audit = await reading(dir, verifyChain);
  const detections = await reading(stateDir, verifyDetections);
  const ok = audit.ok && detections.every((each) => each.ok);
  return withFiles({ dir, ...audit, ok, detections });
}

async function reading<Result>(dir: string, read: (dir: string) => Promise<Result>): Promise<Result> {
  try {
    return await read(dir);
  } catch (cause) {
    throw new Problem({
      code: 'cli.unreadable',
      message: `Cannot read the logs in "${dir}": ${messageOf(cause)}`,
      hint: 'They are for root: run this with sudo',
      cause,
    });
  }
}

function withFiles(checked: Checked): Checked {
  if (checked.files > 0 || (checked.detections?.length ?? 0) > 0) return checked;
  throw new Problem({
    code: 'cli.no-audit-log',
    message: `There is no audit log in "${checked.dir}"`,
    hint: 'Name its directory with --dir',
  });
}

function textOf(checked: Checked): string {
  const { detections = [] } = checked;
  const broken = detections.filter(({ ok }) => !ok);
  const audit = { ...checked, ok: checked.firstBad === undefined };
  const log = checked.files > 0 ? lineOf('The audit log', audit) : '';
  const whole = detections.filter(({ ok }) => ok);
  const records = whole.reduce((sum, each) => sum + each.records, 0);
  const logs = `${plural(whole.length, 'detection log')} ${whole.length === 1 ? 'is' : 'are'} whole: ${plural(records, 'record')}\n`;
  return [
    log,
    ...broken.map((each) => lineOf(`The detection log of "${each.sandbox}"`, each)),
    whole.length > 0 ? logs : '',
  ].join('');
}

function lineOf(what: string, { dir, ok, records, files, firstBad }: Verified & { readonly dir: string }): string {
  const log = printable(what);
  if (ok) return `${log} is whole: ${plural(records, 'record')} in ${plural(files, 'file')}\n`;
  const where = firstBad ? `${join(dir, firstBad.file)}:${firstBad.line}: ${firstBad.reason}` : dir;
  return `${printable(where)}\n${log} was changed after it was written. Good before that: ${plural(records, 'record')}\n`;
}
