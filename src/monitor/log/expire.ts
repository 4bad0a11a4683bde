import { rm, rmdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { auditFiles } from '../../audit/files.ts';
import { lastWrite, removeOld } from '../../audit/retention.ts';
import { aboutFile, detectionPlaces, type DetectionPlace } from './places.ts';

const dayMs = 86_400_000;

/** What is removed, and how. */
export interface Expiry {
  readonly stateDir: string;
  /** Milliseconds since 1970. */
  readonly now: number;
  readonly daysOf: (place: DetectionPlace) => number;
  /** Runs the work while nobody writes to this log. */
  readonly alone: (place: DetectionPlace, work: () => Promise<void>) => Promise<void>;
}

/** Remove lines that are older than their days, file by file; a log without any other goes as a whole. */
export async function removeExpired({ stateDir, now, daysOf, alone }: Expiry): Promise<void> {
  for (const place of await detectionPlaces(stateDir)) {
    const before = now - daysOf(place) * dayMs;
    await removeOld(place.dir, before);
    if (await isOver(place.dir, before)) await alone(place, () => removeLog(place.dir, before));
  }
}

/** Whether nothing in any file is of `before` or later. */
async function isOver(dir: string, before: number): Promise<boolean> {
  for (const path of await auditFiles(dir)) if ((await lastWrite(path)) >= before) return false;
  return true;
}

async function removeLog(dir: string, before: number): Promise<void> {
  // Somebody may have written to it before it was closed.
  if (!(await isOver(dir, before))) return;
  for (const path of await auditFiles(dir)) await rm(path, { force: true });
  await rm(aboutFile(dir), { force: true });
  await removeEmpty(dir);
  await removeEmpty(dirname(dir));
}

async function removeEmpty(dir: string): Promise<void> {
  try {
    await rmdir(dir);
  } catch (error) {
    // What else is kept of the sandbox is not the log's to remove.
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'ENOTEMPTY' && code !== 'EEXIST' && code !== 'ENOENT') throw error;
  }
}
