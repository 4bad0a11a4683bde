import type { SandboxReport } from '../controller/report.ts';
import { isTombstoneName } from '../plan/tombstone-name.ts';
import type { SavedSession } from '../session/save/store.ts';
import { connect } from './connect.ts';
import type { Io } from './io.ts';
import type { ToolFlags } from './meant-tool.ts';
import { ownPrefix } from './own-prefix.ts';
import { jsonText, printableReport } from './printable.ts';
import { withProgress } from './progress.ts';
import type { Call, Verb } from './verb.ts';

/** `coi list` */
export const list: Verb = async ({ io, options }) => {
  const isOwn = ownPrefix(io);
  const tool = await toolFor(io, options);
  await using api = await connect(io, 'read');
  const { sandboxes } = await withProgress(io, 'Asking for the sandboxes', () => api.status());
  const containers = sandboxes
    .filter((each) => each.state !== 'absent' && !isTombstoneName(each.instance) && isOwn(each))
    .map(containerOf)
    .toSorted(byName);
  const saved = tool === undefined ? undefined : await savedHere(io, tool);
  if (options['format'] === 'json') {
    const sessions = saved?.map(({ id, savedAt, workspace }) => ({ ID: id, SavedAt: savedAt, Workspace: workspace }));
    io.stdout.write(jsonText({ active_containers: containers, ...(sessions?.length && { saved_sessions: sessions }) }));
  } else io.stdout.write(renderList(printableReport(containers), saved && printableReport(saved)));
  return 0;
};

/** Whose saved sessions are asked for; undefined where none are. Loaded where it is asked for: most calls are not. */
async function toolFor(io: Io, options: Call['options']): Promise<string | undefined> {
  const flags = options as ToolFlags;
  const isAll = options['all'] === true;
  if (!isAll && flags.profile === undefined) return undefined;
  const { meantTool } = await import('./meant-tool.ts');
  // Also without them: a profile that there is not is a mistake.
  const tool = await meantTool(io, flags);
  return isAll ? tool : undefined;
}

async function savedHere(io: Io, tool: string): Promise<readonly SavedSession[]> {
  const { savedSessions } = await import('./resume-session.ts');
  return (await savedSessions(io, tool)).list();
}

/** A container as scripts know it, and what we add. */
interface Container {
  readonly name: string;
  /** As Incus writes it. */
  readonly status: string;
  /** UTC. */
  readonly created_at: string;
  readonly image: string;
  readonly persistent: boolean;
  /** Empty unless it runs. */
  readonly ipv4: string;
  readonly workspace?: string;
  readonly sandbox: string;
  readonly phase: string;
  readonly ready: boolean;
  readonly source?: string;
  readonly network?: string;
  readonly ipv6?: string;
}

const statuses: Readonly<Record<string, string>> = { running: 'Running', frozen: 'Frozen', stopped: 'Stopped' };

function containerOf(report: SandboxReport): Container {
  const { name, instance, state, created_at, image, persistent, ipv4, ipv6, workspace, phase, ready } = report;
  return {
    name: instance,
    status: statuses[state] ?? 'Unknown',
    created_at: (created_at ?? '').replace('T', ' ').replace('Z', ''),
    image: image ?? '',
    persistent: persistent === true,
    ipv4: state === 'running' ? (ipv4 ?? '') : '',
    ...(workspace !== undefined && { workspace }),
    sandbox: name,
    phase,
    ready,
    ...(report.source !== undefined && { source: report.source }),
    ...(report.network !== undefined && { network: report.network }),
    ...(state === 'running' && ipv6 !== undefined && { ipv6 }),
  };
}

function byName(a: { readonly name: string }, b: { readonly name: string }): number {
  return a.name < b.name ? -1 : 1;
}

function renderList(containers: readonly Container[], sessions: readonly SavedSession[] | undefined): string {
  const active = containers.length === 0 ? ['  (none)'] : containers.flatMap(linesOf);
  const saved = sessions
    ? ['', 'Saved Sessions:', ...(sessions.length === 0 ? ['  (none)'] : sessions.flatMap(savedLines))]
    : [];
  return `${['Active Containers:', ...active, ...saved].join('\n')}\n`;
}

function savedLines({ id, savedAt, workspace }: SavedSession): string[] {
  return [`  ${id}`, `    Saved: ${savedAt}`, ...(workspace ? [`    Workspace: ${workspace}`] : [])];
}

function linesOf({ name, persistent, status, ipv4, created_at, image, workspace }: Container): string[] {
  return [
    `  ${name} (${persistent ? 'persistent' : 'ephemeral'})`,
    `    Status: ${status}`,
    ...(ipv4 ? [`    IPv4: ${ipv4}`] : []),
    ...(created_at ? [`    Created: ${created_at}`] : []),
    ...(image ? [`    Image: ${image}`] : []),
    ...(workspace ? [`    Workspace: ${workspace}`] : []),
  ];
}
