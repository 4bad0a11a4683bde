import { realpath } from 'node:fs/promises';
import { resolve } from 'node:path';
import { Problem } from '../base/problem.ts';
import type { StatusReport } from '../controller/control-api.ts';
import type { SandboxReport } from '../controller/report.ts';
import type { Incus } from '../host/incus/client.ts';
import { isTombstoneName } from '../plan/tombstone-name.ts';
import { parseSessionInstance, workspaceHash } from '../spec/session-names.ts';
import { findContainer } from './end-containers.ts';
import { requireInstance, requireOwn } from './find-instance.ts';
import type { Io } from './io.ts';
import { ownPrefix } from './own-prefix.ts';

/** Flags that say which container is meant. */
export interface TargetFlags {
  readonly container?: string;
  readonly workspace?: string;
}

/** The containers of coi that there are, without those on their way out. */
export function containersIn({ sandboxes }: StatusReport): readonly SandboxReport[] {
  return sandboxes.filter(({ state, instance }) => state !== 'absent' && !isTombstoneName(instance));
}

/**
 * The container that is meant: by flag, by `COI_CONTAINER`, or the only one of the workspace.
 *
 * @throws {Problem} `snapshot.no-container`, `snapshot.which` where the workspace has several, and as {@link requireInstance}
 *   and {@link requireOwn} do for one that is named
 */
export async function findTarget(
  io: Io,
  flags: TargetFlags,
  { status, incus }: { readonly status: StatusReport; readonly incus: Incus },
): Promise<SandboxReport> {
  const named = flags.container || io.env['COI_CONTAINER'];
  if (!named) return onlyOne(await ofWorkspace(io, flags, status));
  const found = findContainer({ ...status, sandboxes: [...containersIn(status)] }, named);
  if (found) return found;
  const instance = await requireInstance(incus, named, io.signal);
  requireOwn(instance, 'snapshot --help');
  throw none(`The container ${instance.name} was only just made`);
}

/** The containers of a workspace: those of its sessions, and what is declared with it. */
export async function ofWorkspace(
  io: Io,
  { workspace = '.' }: Pick<TargetFlags, 'workspace'>,
  status: StatusReport,
): Promise<{ readonly path: string; readonly all: readonly SandboxReport[] }> {
  const path = resolve(io.cwd, workspace);
  // One that is not there may have had containers.
  const real = await realpath(path).catch(() => path);
  const isOwn = ownPrefix(io);
  const hash = workspaceHash(path);
  const all = containersIn(status).filter((each) => {
    const session = parseSessionInstance(each.instance);
    return session ? session.hash === hash && isOwn(each) : each.workspace === path || each.workspace === real;
  });
  return { path, all };
}

function onlyOne({ path, all }: { readonly path: string; readonly all: readonly SandboxReport[] }): SandboxReport {
  const [first] = all;
  if (first && all.length === 1) return first;
  if (!first) throw none(`The workspace ${path} has no container`);
  throw new Problem({
    code: 'snapshot.which',
    message: `The workspace ${path} has ${all.length} containers: ${all.map(({ instance }) => instance).join(', ')}`,
    hint: 'Say which one with -c NAME',
  });
}

function none(message: string): Problem {
  return new Problem({
    code: 'snapshot.no-container',
    message,
    hint: 'See them with: coi list. Say which one with -c NAME',
  });
}
