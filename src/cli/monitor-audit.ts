import { Problem } from '../base/problem.ts';
import type { StatusReport } from '../controller/control-api.ts';
import type { DetectionRecord, MonitorApi } from '../controller/monitor-api.ts';
import type { DetectionRecord as LoggedDetection } from '../monitor/log/record.ts';
import { compareSeverity, type Severity } from '../monitor/severity.ts';
import { connect } from './connect.ts';
import { writeExport } from './export-file.ts';
import type { Io } from './io.ts';
import { findWatched, targetOf } from './monitor-target.ts';
import { plural } from './plural.ts';
import { jsonLine, printable } from './printable.ts';
import { detectionData, detectionLine, detectionTable, type DetectionFormat } from './render-detections.ts';
import { painter } from './style.ts';
import { UsageProblem } from './usage.ts';
import type { Verb } from './verb.ts';
import { version } from './version.ts';

/** Flags of `coi monitor audit`. */
interface AuditOptions {
  readonly level?: readonly Severity[];
  readonly since?: number;
  readonly export?: string;
  readonly follow?: boolean;
  readonly format?: DetectionFormat;
}

/** `coi monitor audit` */
export const monitorAudit: Verb = async ({ io, args: [word], options }) => {
  const {
    level,
    since,
    export: file,
    follow = false,
    format = file === undefined ? 'text' : 'jsonl',
  } = options as AuditOptions;
  if (follow && file !== undefined) {
    throw new UsageProblem('What is followed has no end, and cannot be exported', 'Leave one of them out');
  }
  await using api = await connect(io, 'write');
  const status = await api.status();
  const name = word ?? (await findWatched(io, targetOf(word, options), status)).name;
  const query = {
    name,
    ...(level && { level: level.toSorted(compareSeverity)[0]! }),
    ...(since !== undefined && { since: io.clock.now() - since }),
    signal: io.signal,
  };
  const wanted: Wanted = { io, format, isMeant: (record) => level?.some((each) => each === record['level']) ?? true };
  if (follow) await showAll(wanted, api.detections({ ...query, follow }));
  else await showWhole(wanted, { records: await read(api, query, status), name, file });
  return 0;
};

interface Wanted {
  readonly io: Io;
  readonly format: DetectionFormat;
  readonly isMeant: (record: DetectionRecord) => boolean;
}

/** Of a sandbox that there is, no log means that nothing was detected. */
async function read(
  api: MonitorApi,
  query: Parameters<MonitorApi['detections']>[0],
  { sandboxes }: StatusReport,
): Promise<readonly DetectionRecord[]> {
  try {
    return await Array.fromAsync(api.detections(query));
  } catch (error) {
    const isThere = sandboxes.some(({ name, instance }) => [name, instance].includes(query.name));
    if (isThere && error instanceof Problem && error.code === 'monitor.no-detections') return [];
    throw error;
  }
}

interface Whole {
  readonly records: readonly DetectionRecord[];
  readonly name: string;
  readonly file: string | undefined;
}

async function showWhole({ io, format, isMeant }: Wanted, { records, name, file }: Whole): Promise<void> {
  const meant = records.filter(isMeant);
  const text = async (isFile: boolean) => {
    const paint = isFile ? plain : painter(io.stdout, io);
    const width = isFile || !io.stdout.isTTY ? undefined : io.stdout.columns;
    if (format === 'text') return detectionTable(meant, paint, width);
    return detectionData(await inFormat(meant, format), format);
  };
  if (file !== undefined) {
    writeExport(io, file, await text(true));
    io.stdout.write(`Wrote ${plural(meant.length, 'detection')} to ${printable(file)}\n`);
    return;
  }
  io.stdout.write(await text(false));
  if (meant.length === 0) io.stderr.write(`coi: Nothing like that was detected of "${printable(name)}"\n`);
}

/** Goes on until the signal aborts. */
async function showAll({ io, format, isMeant }: Wanted, records: AsyncIterable<DetectionRecord>): Promise<void> {
  const paint = painter(io.stdout, io);
  for await (const record of records) {
    if (!isMeant(record)) continue;
    if (format === 'text') io.stdout.write(detectionLine(record, paint));
    else for (const each of await inFormat([record], format)) io.stdout.write(jsonLine(each));
  }
}

async function inFormat(records: readonly DetectionRecord[], format: DetectionFormat): Promise<readonly object[]> {
  if (format !== 'ocsf') return records;
  const { ocsfOf } = await import('../monitor/log/ocsf.ts');
  return records.map((record) => ocsfOf(record as object as LoggedDetection, { version }));
}

function plain(_style: unknown, text: string): string {
  return text;
}
