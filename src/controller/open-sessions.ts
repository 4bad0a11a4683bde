import type { Audit } from '../audit/open-audit.ts';
import type { AuditEntry } from '../audit/record.ts';
import { isSessionName } from '../spec/names.ts';
import type { Manifest } from '../spec/sandbox.ts';
import { ContainerControl } from './container-control.ts';
import type { ControlInit } from './control.ts';
import type { Controller } from './controller.ts';
import { ForkControl } from './fork-control.ts';
import { SessionControl } from './session-control.ts';
import { SnapshotControl } from './snapshot-control.ts';
import type { SourceSet } from './source-set.ts';

export interface OpenSessionsInit {
  readonly controller: Controller;
  readonly sources: SourceSet;
  readonly audit: Audit;
  readonly lifetime: AbortSignal;
}

/** What commands may do to sandboxes that commands declared. */
export interface OpenedSessions extends Pick<ControlInit, 'containers' | 'snapshots' | 'forks'> {
  readonly sessions: SessionControl;
  /** Have a session saved and deleted. @returns false for what is no session */
  readonly bury: (manifest: Manifest) => Promise<boolean>;
}

/** Make what changes manifests for commands, and for sandboxes whose time is over. */
export function openSessions({ controller, sources, audit, lifetime }: OpenSessionsInit): OpenedSessions {
  const own = {
    controller,
    manifests: sources,
    audit: (entry: AuditEntry) => audit.appendDurable(entry),
    lifetime,
  };
  const sessions = new SessionControl(own);
  const bury = (manifest: Manifest) => endByItself(sessions, sources, manifest);
  controller.onExpired(bury);
  return {
    sessions,
    bury,
    containers: new ContainerControl({ ...own, sessions }),
    forks: new ForkControl({ ...own, sessions }),
    snapshots: new SnapshotControl({ ...own, note: audit.append.bind(audit) }),
  };
}

/** What remembers that a session is over is its manifest; anything else that is over has an override. */
async function endByItself(sessions: SessionControl, sources: SourceSet, manifest: Manifest): Promise<boolean> {
  const { endsWithin, asked } = manifest.sandbox;
  const isOver = isSessionName(manifest.name) || endsWithin !== undefined || asked !== undefined;
  if (!sources.isSession(manifest.source) || !isOver) return false;
  await sessions.bury(manifest);
  return true;
}
