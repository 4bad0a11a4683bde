import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { auditFiles, isMissing } from '../../audit/files.ts';
import { linesOf } from '../../audit/read-chain.ts';
import { readLine } from '../../audit/chain.ts';
import type { DetectionRecord } from './record.ts';

/*
 * `STATE/monitor/UID/detections/`: one log for each sandbox, by the uid of its stamp, which no other ever has. Beside the
 * log is a small file that says whose it is and how long it stays; without it, that follows from the records.
 */

const aboutName = 'about.json';

/** A stamp's uid as it may be part of a path. */
const uidPattern = /^[A-Za-z0-9][A-Za-z0-9-]{0,63}$/;

const aboutSchema = z.object({ sandbox: z.string(), container_name: z.string(), log_days: z.number().min(0) });

/** A log that is there, perhaps of a sandbox that is gone. */
export interface DetectionPlace {
  readonly uid: string;
  readonly dir: string;
  readonly sandbox: string;
  readonly instance: string;
  /** How long it stays; undefined where nobody wrote that down. */
  readonly logDays?: number;
}

/** Where a sandbox's log is; undefined when this can be no uid. */
export function placeOf(stateDir: string, uid: string): string | undefined {
  return uidPattern.test(uid) ? join(stateDir, 'monitor', uid, 'detections') : undefined;
}

/** Write down whose log it is. */
export async function writeAbout(dir: string, { sandbox, instance, logDays }: Omit<DetectionPlace, 'uid' | 'dir'>) {
  await mkdir(dir, { recursive: true, mode: 0o700 });
  const about = { sandbox, container_name: instance, log_days: logDays };
  // Not durable, and perhaps torn by a crash: what it says is found out without it then.
  await writeFile(join(dir, aboutName), `${JSON.stringify(about)}\n`, { mode: 0o600 });
}

/** The file that says whose log it is. */
export function aboutFile(dir: string): string {
  return join(dir, aboutName);
}

/**
 * All logs, those of sandboxes that are gone included; none when the directory is not there.
 *
 * @throws the file system's own error, such as EACCES for whoever is not root
 */
export async function detectionPlaces(stateDir: string): Promise<DetectionPlace[]> {
  const places: DetectionPlace[] = [];
  for (const uid of (await namesIn(join(stateDir, 'monitor'))).sort()) {
    const dir = placeOf(stateDir, uid);
    const about = dir === undefined ? undefined : ((await readAbout(dir)) ?? (await aboutFromRecords(dir, uid)));
    if (dir !== undefined && about) places.push({ uid, dir, ...about });
  }
  return places;
}

/**
 * Logs of a sandbox by its name, the name of its instance or its uid. A name may have had several uids: a sandbox that was
 * made anew is another one.
 */
export async function placesOf(stateDir: string, name: string): Promise<DetectionPlace[]> {
  const places = await detectionPlaces(stateDir);
  return places.filter(({ uid, sandbox, instance }) => [uid, sandbox, instance].includes(name));
}

async function readAbout(dir: string): Promise<Omit<DetectionPlace, 'uid' | 'dir'> | undefined> {
  try {
    const { sandbox, container_name, log_days } = aboutSchema.parse(
      JSON.parse(await readFile(join(dir, aboutName), 'utf8')),
    );
    return { sandbox, instance: container_name, logDays: log_days };
  } catch (error) {
    // Not there, or no such file as we write: the records say it as well.
    if (isMissing(error) || error instanceof SyntaxError || error instanceof z.ZodError) return undefined;
    throw error;
  }
}

/** From the newest record that is whole; a log without one is there all the same, and is known by its uid alone. */
async function aboutFromRecords(dir: string, uid: string): Promise<Omit<DetectionPlace, 'uid' | 'dir'> | undefined> {
  const paths = await auditFiles(dir);
  for (const path of paths.toReversed()) {
    for (const line of (await linesOf(path)).toReversed()) {
      const record = readLine(line) as DetectionRecord | { readonly bad: string };
      if (!('bad' in record)) return { sandbox: record.sandbox, instance: record.container_name };
    }
  }
  return paths.length > 0 ? { sandbox: uid, instance: uid } : undefined;
}

async function namesIn(dir: string): Promise<string[]> {
  try {
    return await readdir(dir);
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
}
