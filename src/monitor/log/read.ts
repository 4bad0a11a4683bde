import { followChain, readChain, type ChainQuery } from '../../audit/read-chain.ts';
import { verifyChain, type Verified } from '../../audit/verify.ts';
import type { Clock } from '../../base/clock.ts';
import { Problem } from '../../base/problem.ts';
import { compareSeverity, type Severity } from '../severity.ts';
import { detectionPlaces, placesOf, type DetectionPlace } from './places.ts';
import type { DetectionFields, DetectionRecord } from './record.ts';

/** Which detections to read. */
export interface DetectionQuery {
  readonly stateDir: string;
  /** Name of a sandbox, of its instance, or the uid of one of several that had the name. */
  readonly name: string;
  /** Only those that are as bad as this, or worse. */
  readonly level?: Severity;
  /** Only what was written down then or later, milliseconds since 1970. */
  readonly since?: number;
  /** Only the newest so many of each log. */
  readonly limit?: number;
}

/**
 * Detections of a sandbox in the order in which they were written, also when it is gone. Where several had the name, theirs
 * come one after the other, the one that was written to first at first.
 *
 * @throws {Problem} `monitor.no-detections` where there is no log of that name
 */
export async function readDetections(query: DetectionQuery): Promise<DetectionRecord[]> {
  const logs = [];
  for (const place of await knownPlaces(query)) logs.push(await readChain(chainQuery(place, query)));
  return logs
    .filter((log) => log.length > 0)
    .sort(([a], [b]) => (a!.ts < b!.ts ? -1 : 1))
    .flat();
}

/**
 * Detections as they come, beginning with those that are there, until the signal aborts. A sandbox without any is waited
 * for; one that is made anew while this runs is not followed.
 *
 * @throws the signal's reason
 */
export async function* followDetections(
  query: DetectionQuery & { readonly clock: Clock; readonly signal: AbortSignal },
): AsyncGenerator<DetectionRecord> {
  const { clock, signal } = query;
  let places = await placesOf(query.stateDir, query.name);
  while (places.length === 0) {
    await clock.sleep(500, signal);
    places = await placesOf(query.stateDir, query.name);
  }
  const newest = newestOf(places);
  for (const place of places) if (place !== newest) yield* await readChain(chainQuery(place, query));
  yield* followChain({ ...chainQuery(newest, query), clock, signal });
}

/** What a check of one log found. */
export type VerifiedDetections = Verified & Pick<DetectionPlace, 'uid' | 'dir' | 'sandbox'>;

/** Check the chain of every detection log. */
export async function verifyDetections(stateDir: string): Promise<VerifiedDetections[]> {
  const found: VerifiedDetections[] = [];
  for (const { uid, dir, sandbox } of await detectionPlaces(stateDir)) {
    found.push({ uid, dir, sandbox, ...(await verifyChain(dir)) });
  }
  return found;
}

async function knownPlaces({ stateDir, name }: DetectionQuery): Promise<DetectionPlace[]> {
  const places = await placesOf(stateDir, name);
  if (places.length > 0) return places;
  throw new Problem({
    code: 'monitor.no-detections',
    message: `Nothing was detected of a sandbox "${name}"`,
    hint: 'Is that its name? `coi list` shows those that are there; detections of others stay as long as monitoring.log_days says',
  });
}

/** The one that was begun last: uids are ULIDs, which sort by time. */
function newestOf(places: readonly DetectionPlace[]): DetectionPlace {
  return places.toSorted((a, b) => (a.uid < b.uid ? 1 : -1))[0]!;
}

function chainQuery({ dir }: DetectionPlace, { level, since, limit }: DetectionQuery): ChainQuery<DetectionFields> {
  return {
    dir,
    ...(since !== undefined && { since }),
    ...(limit !== undefined && { limit }),
    ...(level !== undefined && { accepts: (record: DetectionRecord) => compareSeverity(record.level, level) >= 0 }),
  };
}
