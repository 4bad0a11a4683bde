import { Problem } from '../base/problem.ts';
import type { StatusReport } from '../controller/control-api.ts';
import type { SandboxReport } from '../controller/report.ts';
import { requireSandbox } from './find-sandbox.ts';
import type { Io } from './io.ts';
import { printable } from './printable.ts';
import { ofWorkspace } from './snapshot-target.ts';

/** Which sandbox is meant. */
export interface MonitorTarget {
  readonly name: string | undefined;
  readonly workspace: string | undefined;
  /** 0 for any. */
  readonly slot: number;
}

/**
 * The sandbox that is meant: by name, or the only one of the workspace.
 *
 * @throws {Problem} `cli.unknown-sandbox`, `monitor.no-container`, `monitor.which` where the workspace has several
 */
export async function findWatched(io: Io, target: MonitorTarget, status: StatusReport): Promise<SandboxReport> {
  const { name, workspace, slot } = target;
  if (name !== undefined) return requireSandbox(status, name);
  const { path, all } = await ofWorkspace(io, workspace === undefined ? {} : { workspace }, status);
  const meant = slot === 0 ? all : all.filter(({ instance }) => instance.endsWith(`-${slot}`));
  const [first] = meant;
  if (first && meant.length === 1) return first;
  if (first) {
    throw new Problem({
      code: 'monitor.which',
      message: `The workspace ${printable(path)} has ${meant.length} containers: ${meant.map(({ instance }) => instance).join(', ')}`,
      hint: 'Say which one: coi monitor NAME',
    });
  }
  throw new Problem({
    code: 'monitor.no-container',
    message: `The workspace ${printable(path)} has no container${slot === 0 ? '' : ` in slot ${slot}`}`,
    hint: 'See them with: coi list. Say which one: coi monitor NAME',
  });
}

/** What flags of `coi monitor` and those below it say about that. */
export function targetOf(name: string | undefined, options: Readonly<Record<string, unknown>>): MonitorTarget {
  const { workspace, slot } = options as { readonly workspace?: string; readonly slot?: number };
  return { name, workspace, slot: slot ?? 0 };
}
