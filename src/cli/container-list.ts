import type { RuntimeState } from '../host/incus/instance-state.ts';
import type { WholeInstance } from '../host/incus/whole-instance.ts';
import { exitCodes } from './failure.ts';
import { openOwnIncus } from './open-own-incus.ts';
import { jsonText, printable } from './printable.ts';
import { withProgress } from './progress.ts';
import { compare } from './sort-status.ts';
import { renderTable } from './table.ts';
import type { Verb } from './verb.ts';

/** `coi container list`: every instance of Incus as it is, whoever made it. */
export const containerList: Verb = async ({ io, options }) => {
  await using incus = await openOwnIncus(io);
  const list = () => incus.instances.listWhole({ signal: io.signal });
  const all = (await withProgress(io, 'Asking Incus', list)).toSorted((a, b) => compare(a.name, b.name));
  if (options['format'] === 'json') io.stdout.write(jsonText(all.map(({ raw }) => raw)));
  else io.stdout.write(renderTable({ head: ['NAME', 'STATE', 'IPV4', 'IPV6', 'TYPE'], rows: all.map(rowOf) }));
  return exitCodes.done;
};

/** What runs inside decides what addresses it has. */
function rowOf({ name, status, type, runtime }: WholeInstance): string[] {
  return [name, status, addressesOf(runtime, 'inet'), addressesOf(runtime, 'inet6'), type].map(printable);
}

function addressesOf(runtime: RuntimeState | undefined, family: string): string {
  const all = Object.values(runtime?.network ?? {}).flatMap(({ addresses }) => addresses);
  return all
    .filter((each) => each.family === family && each.scope === 'global')
    .map(({ address }) => address)
    .join(', ');
}
