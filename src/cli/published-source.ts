import { Problem } from '../base/problem.ts';
import { placeText, type SandboxReport } from '../controller/report.ts';
import type { ControlApi } from '../controller/control-api.ts';
import type { Instance } from '../host/incus/instance.ts';
import { connect } from './connect.ts';
import { exitCodes } from './failure.ts';
import type { Io } from './io.ts';
import { printable } from './printable.ts';
import { letGo } from './until-gone.ts';
import { whoCalls } from './who.ts';

/** What an image was made of. */
type Source = Pick<Instance, 'name'>;

/** @throws {Problem} `image.keeps-source` where the container of an image cannot be deleted by a command */
export async function requireDeletable(io: Io, source: Source): Promise<void> {
  await using api = await connect(io, 'write');
  const found = await sandboxOf(api, source);
  const why = found ? await whyNot(api, found) : undefined;
  if (found && why === undefined) return;
  throw new Problem({
    code: 'image.keeps-source',
    message: `${source.name} cannot be deleted by coi: ${why ?? 'it is not a container of coi'}`,
    hint: found ? 'Leave out --delete' : `Leave out --delete; afterwards: incus delete --force ${source.name}`,
  });
}

/** Delete it and wait until it is gone. @returns the exit code */
export async function deleteSource(io: Io, source: Source): Promise<number> {
  await using api = await connect(io, 'write');
  const found = await sandboxOf(api, source);
  if (!found) return exitCodes.done;
  const { done, message } = await letGo(api, io, {
    name: source.name,
    sandbox: found.name,
    doing: 'Deleting',
    done: 'Deleted',
    begin: (names) => api.delete({ names, by: whoCalls(io).by }),
  });
  io.stderr.write(`${done ? '' : 'coi: '}${source.name}: ${printable(message)}\n`);
  return done ? exitCodes.done : exitCodes.failed;
}

async function sandboxOf(api: ControlApi, { name }: Source): Promise<SandboxReport | undefined> {
  return (await api.status()).sandboxes.find(({ instance }) => instance === name);
}

async function whyNot(api: ControlApi, { source, file, line }: SandboxReport): Promise<string | undefined> {
  const { sources } = await api.status();
  if (sources.find(({ id }) => id === source)?.kind === 'session') return undefined;
  return file === undefined
    ? 'nobody declares it any more'
    : `it is declared in ${placeText({ file, line: line ?? 1 })}`;
}
