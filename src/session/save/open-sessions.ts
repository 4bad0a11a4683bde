import { join } from 'node:path';
import { messageOf, Problem } from '../../base/problem.ts';
import { codeOf, HeldDirectory } from '../../host/tree/held-directory.ts';
import type { Owner } from './owner.ts';
import { sessionsName } from './session-id.ts';

/** Where sessions are kept: `.coi/sessions-TOOL` in a home. */
export interface SessionsPlace {
  readonly owner: Owner;
  /** `claude`, `opencode`, … */
  readonly tool: string;
}

/** The directory of a tool's sessions, for people. */
export function sessionsPath({ owner, tool }: SessionsPlace): string {
  return join(owner.home, '.coi', sessionsName(tool));
}

/**
 * Holds the directory of a tool's sessions. The way to the home is the administrator's and taken as it is; from there on
 * links are refused, because what runs in a sandbox may be able to write into a home that is mounted in it.
 *
 * @returns undefined where it is not there and is not to be made
 * @throws {Problem} `session.link` when a link is in the way, `session.unreadable` when the system refuses
 */
export function openSessions(place: SessionsPlace, { make }: { readonly make: boolean }): HeldDirectory | undefined {
  try {
    using home = HeldDirectory.at(place.owner.home);
    using coi = make ? home.openOrMake('.coi') : home.open('.coi');
    const name = sessionsName(place.tool);
    return make ? coi.openOrMake(name) : coi.open(name);
  } catch (error) {
    if (error instanceof Problem) throw error;
    if (!make && codeOf(error) === 'ENOENT') return undefined;
    throw refusal(place, error);
  }
}

function refusal(place: SessionsPlace, cause: unknown): Problem {
  const path = sessionsPath(place);
  if (['ELOOP', 'ENOTDIR'].includes(codeOf(cause) ?? '')) {
    return new Problem({
      code: 'session.link',
      message: `Cannot use ${path}: a part of it is a link, or no directory`,
      hint: 'Sessions are kept in directories only. To have them on another disk, mount it there.',
      cause,
    });
  }
  return new Problem({
    code: 'session.unreadable',
    message: `Cannot use ${path} as user ${place.owner.uid}: ${messageOf(cause)}`,
    hint: 'Look at the owner and the permissions of each part of it.',
    retry: 'backoff',
    cause,
  });
}
