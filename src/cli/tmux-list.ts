import type { Incus } from '../host/incus/client.ts';
import { IncusError } from '../host/incus/errors.ts';
import { exitCodes } from './failure.ts';
import type { Io } from './io.ts';
import { openOwnIncus } from './open-own-incus.ts';
import { ownPrefix } from './own-prefix.ts';
import { jsonText } from './printable.ts';
import { withProgress } from './progress.ts';
import { hasTmux, tmuxSession } from './show-tmux.ts';
import { compare } from './sort-status.ts';
import { renderTable } from './table.ts';
import { placeOf, statusNow, type SessionPlace } from './tmux-place.ts';
import type { Verb } from './verb.ts';

/** How many containers are asked at once. */
const atOnce = 8;

/** `coi tmux list`: containers that run and have the session of an agent. */
export const tmuxList: Verb = async ({ io, options }) => {
  const isOwn = ownPrefix(io);
  const { sandboxes } = await statusNow(io);
  const places = sandboxes
    .filter((each) => each.state === 'running' && isOwn(each))
    .map((report) => placeOf(report.instance, report))
    .toSorted((a, b) => compare(a.instance, b.instance));
  const found = await withProgress(io, 'Asking the containers', () => withSession(io, places));
  const rows = found.map(({ instance }) => ({ container: instance, session: tmuxSession(instance) }));
  if (options['format'] === 'json') io.stdout.write(jsonText(rows));
  else if (rows.length === 0) io.stdout.write('No tmux sessions\n');
  else {
    const lines = rows.map(({ container, session }) => [container, session]);
    io.stdout.write(renderTable({ head: ['CONTAINER', 'SESSION'], rows: lines }));
  }
  return exitCodes.done;
};

async function withSession(io: Io, places: readonly SessionPlace[]): Promise<readonly SessionPlace[]> {
  await using incus = await openOwnIncus(io);
  const found: SessionPlace[] = [];
  for (let from = 0; from < places.length; from += atOnce) {
    const asked = places.slice(from, from + atOnce);
    const answers = await Promise.all(asked.map((place) => isThere(io, incus, place)));
    found.push(...asked.filter((_, index) => answers[index]));
    io.signal.throwIfAborted();
  }
  return found;
}

async function isThere(io: Io, incus: Incus, place: SessionPlace): Promise<boolean> {
  try {
    return await hasTmux(incus, place);
  } catch (error) {
    if (!(error instanceof IncusError)) throw error;
    // Stopped since, or what runs inside does not answer: the others have theirs all the same.
    if (!['gone', 'conflict'].includes(error.class)) io.stderr.write(`coi: warning: ${error.message}\n`);
    return false;
  }
}
