import { Problem } from '../base/problem.ts';
import type { LookApi } from '../controller/control-api.ts';
import { incusSocket } from '../host/incus/socket.ts';
import { builtIn } from '../spec/defaults.ts';
import { probeSocket } from './client.ts';
import type { Io } from './io.ts';
import { printable } from './printable.ts';
import { readHostSettings, withHostLayer } from './settings.ts';

const startHint = 'sudo systemctl start coi, or without systemd: sudo coi controller';

/**
 * Answer in this process as far as this user may see, where no controller runs. Says on stderr what is unknown.
 *
 * @param admin the controller's socket, where nobody answers
 * @throws {Problem} `cli.no-sight`, from the methods that need Incus, when this user may not use it or it is not there
 */
export async function lookHere(io: Io, admin: string): Promise<LookApi & AsyncDisposable> {
  const settings = await withHostLayer(await readHostSettings(io), io);
  const path = incusSocket(io.env);
  const { openLook } = await import('../look.ts');
  const look = openLook({
    settings,
    incusSocket: path,
    uid: process.getuid?.() ?? 0,
    signal: io.signal,
    onUnseen: (text) => io.stderr.write(`coi: ${printable(text)}\n`),
  });
  const requireIncus = async () => {
    const failure = await probeSocket(path);
    if (failure !== undefined) throw noSight({ admin, path, failure });
  };
  return {
    status: async () => (await requireIncus(), look.status()),
    plan: async (options) => (await requireIncus(), look.plan(options)),
    events: look.events,
    [Symbol.asyncDispose]: () => look[Symbol.asyncDispose](),
  };
}

function noSight({ admin, path, failure }: { admin: string; path: string; failure: string }): Problem {
  const { group } = builtIn.incus;
  const isDenied = failure === 'EACCES' || failure === 'EPERM';
  const why = isDenied ? `your user may not use Incus' socket ${path} either` : `Incus does not at ${path} either`;
  const join = `. Both are for the group ${group}: sudo usermod -aG ${group} "$USER", then log in again`;
  return new Problem({
    code: 'cli.no-sight',
    message: `No controller answers at ${admin}, and ${why} (${failure})`,
    hint: isDenied ? `Start the controller: ${startHint}${join}` : `Start Incus, then the controller: ${startHint}`,
  });
}
