import type { ControlApi, StatusReport, VerbReport } from '../controller/control-api.ts';
import type { CleanPart } from './clean-part.ts';
import { findContainer, sessionsIn } from './end-containers.ts';
import type { Io } from './io.ts';
import { plural } from './plural.ts';
import { printable } from './printable.ts';
import { letGo } from './until-gone.ts';
import { whoCalls } from './who.ts';

/** Containers of sessions that are stopped. @param persistent whether also those that somebody wants to keep */
export async function findStopped(api: ControlApi, io: Io, persistent: boolean): Promise<CleanPart> {
  const status = await api.status();
  const wanted = sessionsIn(status, io).filter((name) => {
    const found = findContainer(status, name);
    return found?.state === 'stopped' && (persistent || found.persistent !== true);
  });
  return {
    count: wanted.length,
    question: `Delete ${plural(wanted.length, 'stopped container')}?`,
    json: { containers: wanted },
    problems: [],
    show: () => show(io, wanted),
    async remove() {
      const reports: VerbReport[] = [];
      for (const name of wanted) reports.push(await removeOne(api, io, { name, status }));
      const left = reports.filter(({ done }) => !done);
      const problems = left.map(({ name, message }) => ({ code: 'clean.left', message: `${name}: ${message}` }));
      const deleted = reports.filter(({ done }) => done).map(({ name }) => name);
      return { removed: deleted.length, left: left.length, json: { deleted }, problems };
    },
  };
}

function show({ stdout }: Io, names: readonly string[]): void {
  if (names.length === 0) return;
  stdout.write(`${['Stopped containers:', ...names.map((name) => `  ${printable(name)}`)].join('\n')}\n`);
}

interface Named {
  readonly name: string;
  readonly status: StatusReport;
}

function removeOne(api: ControlApi, io: Io, { name, status }: Named): Promise<VerbReport> {
  const sandbox = findContainer(status, name)?.name ?? name;
  const begin = (names: readonly string[]) => api.delete({ names, by: whoCalls(io).by });
  return letGo(api, io, { name, sandbox, doing: 'Deleting', done: 'Deleted', begin });
}
