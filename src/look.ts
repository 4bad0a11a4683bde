import { join } from 'node:path';
import { systemClock as clock } from './base/clock.ts';
import { ProblemList } from './base/problem.ts';
import { version } from './cli/version.ts';
import { reportPlans, reportStatus, takenElsewhere } from './controller/answer-looks.ts';
import type { LookApi } from './controller/control-api.ts';
import { findBridge } from './controller/find-bridge.ts';
import { ManifestReader } from './controller/manifest-reader.ts';
import { knownNames } from './controller/known-names.ts';
import { Onlooker } from './controller/onlooker.ts';
import { readEvents } from './controller/read-events.ts';
import { requireStoragePool } from './controller/require-storage-pool.ts';
import { cannotShiftBecause } from './host/mount/lima.ts';
import { openIncus } from './host/incus/client.ts';
import { workspacesDir } from './plan/render-instance.ts';
import { homeOf } from './source/homes.ts';
import { OverrideStore } from './source/overrides.ts';
import { sessionSourceId } from './source/session-source.ts';
import type { Settings } from './spec/settings.ts';

/** What looking without a controller and without root takes. */
export interface LookInit {
  readonly settings: Settings;
  /** Incus' socket; this user must be able to use it. */
  readonly incusSocket: string;
  /** Who looks. */
  readonly uid: number;
  readonly signal: AbortSignal;
  /** Told once what could not be seen, as one sentence; again only when that changes. */
  readonly onUnseen: (text: string) => void;
}

/**
 * Answer questions with what a user may see who is not root: Incus, and the manifests and overrides that are readable.
 * Takes no lock and writes nothing. What it cannot see is *unknown* in its answers.
 */
export function openLook(init: LookInit): LookApi & AsyncDisposable {
  const { settings, signal } = init;
  const { stateDir } = settings.controller;
  const incus = openIncus({ socketPath: init.incusSocket, project: settings.incus.project, clock });
  const reader = new ManifestReader(settings);
  let opened: Promise<Onlooker> | undefined;
  let told: string | undefined;
  const look = async (): Promise<Onlooker> => {
    const onlooker = await (opened ??= openOnlooker(init, { incus, reader }));
    await onlooker.look(signal);
    const text = unseenText(onlooker.denied);
    if (text !== told) init.onUnseen(text);
    told = text;
    return onlooker;
  };
  return {
    async status() {
      const onlooker = await look();
      return reportStatus(onlooker, {
        controller: 'in-process',
        version,
        network: 'unknown',
        incus: 'up',
        orphans: [],
        problems: onlooker.denied.map(deniedReport),
      });
    },
    async plan({ names, files = [], uid = init.uid }) {
      const onlooker = await look();
      const source = sessionSourceId(uid);
      const { manifests, problems } = reader.brought(files, { source, home: await homeOf(uid), uid });
      const taken = takenElsewhere(onlooker.desired, manifests, source);
      if (problems.length + taken.length > 0) throw new ProblemList([...problems, ...taken]);
      return reportPlans({
        names,
        brought: files.length > 0 ? manifests : undefined,
        all: () => knownNames(onlooker),
        look: (name, candidate) => onlooker.planned(name, signal, candidate),
      });
    },
    events: (query) => readEvents({ dir: join(stateDir, 'audit'), clock }, query),
    [Symbol.asyncDispose]: () => incus[Symbol.asyncDispose](),
  };
}

async function openOnlooker(
  { settings, uid, signal }: LookInit,
  { incus, reader }: { readonly incus: ReturnType<typeof openIncus>; readonly reader: ManifestReader },
): Promise<Onlooker> {
  const { storagePool } = settings.incus;
  const bridge = await findBridge(incus, settings.controller.bridge, signal);
  await requireStoragePool(incus, storagePool, signal);
  const cannotShift = (await cannotShiftBecause()) !== undefined;
  const workspaces = workspacesDir(settings);
  const placement = { network: bridge.name, storagePool, workspaces, ...(cannotShift && { cannotShift }) };
  const overrides = new OverrideStore({ stateDir: settings.controller.stateDir, clock });
  return new Onlooker({ settings, reader, clock, uid, incus, bridge, placement, overrides });
}

function unseenText(denied: readonly string[]): string {
  const files = denied.length === 0 ? '' : `; so is what ${denied.join(', ')} holds, and with it the next steps`;
  return (
    `No controller runs and you are not root: network rules, block policies and agents are unknown${files}. ` +
    'All of it is seen with sudo, or by a controller: sudo systemctl start coi'
  );
}

function deniedReport(path: string) {
  return {
    code: 'look.denied',
    message: `You may not read ${path}: manifests or holds (freeze, suspend, expiry) in it are unknown`,
    hint: 'Ask as root (sudo), or start the controller.',
  };
}
