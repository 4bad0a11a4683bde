import type { SandboxReport } from '../controller/report.ts';
import { connect } from './connect.ts';
import { jsonText, printableReport } from './printable.ts';
import { withProgress } from './progress.ts';
import type { Verb } from './verb.ts';

/** `coi list` */
export const list: Verb = async ({ io, options }) => {
  await using api = await connect(io, 'read');
  const { sandboxes } = await withProgress(io, 'Asking for the sandboxes', () => api.status());
  const containers = sandboxes
    .filter(({ state, instance }) => state !== 'absent' && !isLeaving(instance))
    .map(containerOf)
    .toSorted(byName);
  if (options['format'] === 'json') io.stdout.write(jsonText({ active_containers: containers }));
  else io.stdout.write(renderList(printableReport(containers), options['all'] === true));
  return 0;
};

/** Containers that wait for their deletion have another name, see plan/stamp.ts. */
function isLeaving(instance: string): boolean {
  return /^coi-del-[0-9a-z]{26}$/.test(instance);
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

function renderList(containers: readonly Container[], all: boolean): string {
  const active = containers.length === 0 ? ['  (none)'] : containers.flatMap(linesOf);
  const saved = all ? ['', 'Saved Sessions:', '  (none)'] : [];
  return `${['Active Containers:', ...active, ...saved].join('\n')}\n`;
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
