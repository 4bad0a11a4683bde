import type { AuditEntry } from '../audit/record.ts';
import { Problem, ProblemList } from '../base/problem.ts';
import { untilAborted } from '../base/until-aborted.ts';
import { plan as planSandbox } from '../plan/plan.ts';
import { renderStamp } from '../plan/stamp.ts';
import type { Manifest } from '../spec/sandbox.ts';
import { reportPlans, reportStatus, takenElsewhere } from './answer-looks.ts';
import type {
  ControlApi,
  HostReport,
  ManifestText,
  PlanReport,
  StatusReport,
  StoreReport,
  VerbReport,
} from './control-api.ts';
import type { ContainerApi } from './container-api.ts';
import type { ForkApi } from './fork-api.ts';
import { sandboxKey } from './hints.ts';
import { knownNames } from './known-names.ts';
import { notWatching, protection, refusal, stillRuns } from './refusal.ts';
import { reportProblem } from './report.ts';
import type { MonitorApi, MonitorReport } from './monitor-api.ts';
import type { Orphans } from './orphans/orphans.ts';
import { OverrideControl, type OverrideControlInit } from './override-control.ts';
import { resync } from './resync.ts';
import type { SessionApi } from './session-api.ts';
import type { SnapshotApi } from './snapshot-api.ts';
import { Verbs } from './verbs.ts';

/** The manifests that commands store. */
export interface SessionKeeper {
  /** Put a manifest in place of whatever this user stored under its name. */
  put(uid: number, manifest: Manifest): Promise<unknown>;
  writeTombstone(name: string, source: string): Promise<void>;
  /** Id of the session source of a user. */
  sourceOf(uid: number): string;
  isSession(source: string): boolean;
}

export interface ControlInit extends OverrideControlInit {
  readonly session: SessionKeeper;
  /** Read manifest files that a user brings along. */
  readonly parse: (
    files: readonly ManifestText[],
    uid: number,
  ) => Promise<{ manifests: readonly Manifest[]; problems: readonly Problem[] }>;
  readonly host: () => Pick<HostReport, 'controller' | 'version' | 'metrics' | 'problems' | 'sensors'>;
  readonly isIncusUp: () => boolean;
  readonly orphans: Orphans;
  readonly audit: (entry: AuditEntry) => Promise<void>;
  readonly events: ControlApi['events'];
  readonly sessions: SessionApi;
  readonly containers: ContainerApi;
  readonly snapshots: SnapshotApi;
  readonly forks: ForkApi;
  /** Absent where nothing is watched: in a command that does the work of a controller. */
  readonly monitor?: MonitorApi['monitor'];
  /** Absent where nobody keeps a detection log. */
  readonly detections?: MonitorApi['detections'];
  readonly network: Pick<ControlApi, 'denials' | 'policy' | 'policyTest'>;
  readonly adoptConfig: (
    instance: string,
    config: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ) => Promise<void>;
  readonly lifetime: AbortSignal;
}

/** By whom something is deleted, and whether what an agent left is not saved. */
interface Deletion {
  readonly by: string;
  readonly noSave: boolean;
}

/** What commands may ask of a controller, answered by the controller itself. */
export class Control implements ControlApi {
  readonly #init: ControlInit;
  readonly #verbs: Verbs;
  readonly events: ControlApi['events'];
  readonly openSession: ControlApi['openSession'];
  readonly endSession: ControlApi['endSession'];
  readonly awaitSandbox: ControlApi['awaitSandbox'];
  readonly shutDown: ControlApi['shutDown'];
  readonly persist: ControlApi['persist'];
  readonly launch: ControlApi['launch'];
  readonly setPower: ControlApi['setPower'];
  readonly addMount: ControlApi['addMount'];
  readonly createSnapshot: ControlApi['createSnapshot'];
  readonly restoreSnapshot: ControlApi['restoreSnapshot'];
  readonly deleteSnapshot: ControlApi['deleteSnapshot'];
  readonly fork: ControlApi['fork'];
  readonly freeze: ControlApi['freeze'];
  readonly resume: ControlApi['resume'];
  readonly suspend: ControlApi['suspend'];
  readonly unsuspend: ControlApi['unsuspend'];

  constructor(init: ControlInit) {
    this.#init = init;
    this.#verbs = new Verbs(init);
    const overrides = new OverrideControl(init, this.#verbs);
    this.events = init.events;
    this.openSession = (request) => init.sessions.openSession(request);
    this.endSession = (options) => init.sessions.endSession(options);
    this.awaitSandbox = (options) => init.sessions.awaitSandbox(options);
    this.shutDown = (options) => init.sessions.shutDown(options);
    this.persist = (options) => init.sessions.persist(options);
    this.launch = (request) => init.containers.launch(request);
    this.setPower = (request) => init.containers.setPower(request);
    this.addMount = (request) => init.containers.addMount(request);
    this.createSnapshot = (request) => init.snapshots.createSnapshot(request);
    this.restoreSnapshot = (request) => init.snapshots.restoreSnapshot(request);
    this.deleteSnapshot = (request) => init.snapshots.deleteSnapshot(request);
    this.fork = (request) => init.forks.fork(request);
    this.freeze = (options) => overrides.freeze(options);
    this.resume = (options) => overrides.resume(options);
    this.suspend = (options) => overrides.suspend(options);
    this.unsuspend = (options) => overrides.unsuspend(options);
  }

  denials(options: Parameters<ControlApi['denials']>[0]): ReturnType<ControlApi['denials']> {
    return this.#init.network.denials(options);
  }

  async monitor(options: Parameters<MonitorApi['monitor']>[0]): Promise<MonitorReport> {
    if (this.#init.monitor) return this.#init.monitor(options);
    throw notWatching();
  }

  async *detections(options: Parameters<MonitorApi['detections']>[0]): ReturnType<MonitorApi['detections']> {
    if (!this.#init.detections) throw notWatching();
    yield* this.#init.detections(options);
  }

  policy(options: Parameters<ControlApi['policy']>[0]): ReturnType<ControlApi['policy']> {
    return this.#init.network.policy(options);
  }

  policyTest(options: Parameters<ControlApi['policyTest']>[0]): ReturnType<ControlApi['policyTest']> {
    return this.#init.network.policyTest(options);
  }

  async status(): Promise<StatusReport> {
    const { controller, host, isIncusUp } = this.#init;
    return reportStatus(controller, {
      ...host(),
      network: controller.network.isReady() ? 'ready' : 'not-ready',
      incus: isIncusUp() ? 'up' : 'down',
      orphans: controller.network.orphanLinks(),
    });
  }

  async plan({ names, files = [], uid = 0 }: Parameters<ControlApi['plan']>[0]): Promise<readonly PlanReport[]> {
    const { controller, lifetime, parse } = this.#init;
    const { manifests, problems } = await parse(files, uid);
    const taken = this.#takenElsewhere(manifests, uid);
    if (problems.length + taken.length > 0) throw new ProblemList([...problems, ...taken]);
    return reportPlans({
      names,
      brought: files.length > 0 ? manifests : undefined,
      all: () => knownNames(controller),
      look: async (name, candidate) => {
        const world = await controller.worlds.fresh(name, lifetime, candidate);
        return { world, plan: planSandbox(world), live: controller.views.live(world) };
      },
    });
  }

  async store({ uid, files }: Parameters<ControlApi['store']>[0]): Promise<StoreReport> {
    const { controller, parse, session } = this.#init;
    const { manifests, problems } = await parse(files, uid);
    const taken = this.#takenElsewhere(manifests, uid);
    if (problems.length + taken.length > 0) return { names: [], problems: [...problems, ...taken].map(reportProblem) };
    for (const manifest of manifests) await session.put(uid, manifest);
    controller.sources.hint(session.sourceOf(uid));
    await this.#settleSources();
    return { names: manifests.map(({ name }) => name), problems: [] };
  }

  #takenElsewhere(brought: readonly Manifest[], uid: number): Problem[] {
    const { controller, session } = this.#init;
    return takenElsewhere(controller.desired, brought, session.sourceOf(uid));
  }

  async reconcile(): Promise<void> {
    const { controller } = this.#init;
    resync(controller, 'command');
    for (const { id } of controller.sources.all()) controller.sources.hint(id);
    await controller.untilLookedAt(this.#init.lifetime);
  }

  async #settleSources(): Promise<void> {
    await this.#init.controller.untilLookedAt(this.#init.lifetime);
  }

  async delete(request: Parameters<ControlApi['delete']>[0]): Promise<readonly VerbReport[]> {
    const { names, by, noSave = false, onlyStopped = false } = request;
    const { desired, sandboxes } = this.#init.controller;
    return this.#verbs.each(names, async (name) => {
      const isGoing = !desired.manifests().has(name) && sandboxes.get(name)?.world.tombstone !== undefined;
      if (noSave && isGoing) return this.#goOnUnsaved(name, by);
      return onlyStopped ? this.#deleteStopped(name, { by, noSave }) : this.#deleteOne(name, { by, noSave });
    });
  }

  /** Until its deletion is declared nobody works on it, so that nobody starts it. */
  async #deleteStopped(name: string, how: Deletion): Promise<VerbReport> {
    const { controller, lifetime } = this.#init;
    using _ = await controller.queue.claim(sandboxKey(name), lifetime);
    const world = controller.sandboxes.get(name)?.world;
    const instance = controller.desired.manifests().get(name)?.instance ?? world?.instance?.name;
    const seen = instance === undefined ? undefined : await controller.instances.refresh(instance, lifetime);
    return seen && seen.instance.state !== 'stopped' ? stillRuns(name, seen.instance) : this.#deleteOne(name, how);
  }

  async #deleteOne(name: string, { by, noSave }: Deletion): Promise<VerbReport> {
    const { controller, session, lifetime } = this.#init;
    const manifest = controller.desired.manifests().get(name);
    const source = manifest?.source ?? controller.sandboxes.get(name)?.world.instance?.stamp.source ?? '';
    if (!session.isSession(source)) return refusal(name, manifest);
    const isProtected = manifest && protection(manifest.sandbox);
    if (isProtected) return { name, done: false, message: isProtected };
    // Before: its deletion may begin as soon as the tombstone is there.
    const takeBack = noSave ? await this.#countAsSaved(name) : undefined;
    try {
      await session.writeTombstone(name, source);
    } catch (error) {
      // It goes on, and is to be saved when it ends.
      await takeBack?.();
      throw error;
    }
    await this.#verbs.record(name, { kind: 'delete', why: 'deleted by command', actor: by });
    await controller.sources.read(source, lifetime);
    controller.hintSandbox(name);
    return { name, done: true, message: `It is being deleted${leftBy(manifest)}` };
  }

  /** What is being deleted already, and is held up because it cannot be saved, is deleted all the same. */
  async #goOnUnsaved(name: string, by: string): Promise<VerbReport> {
    const { controller, lifetime } = this.#init;
    // Whoever waits for its end must not take what was said of it before for an answer.
    using look = controller.sandboxes.nextLook(name);
    await this.#countAsSaved(name);
    const report = await this.#verbs.applied(name, {
      kind: 'delete',
      why: 'deleted by command without being saved',
      message: 'It is being deleted, and not saved',
      by,
    });
    await untilAborted(look.done, lifetime);
    return report;
  }

  /** What is noted on the instance itself holds whoever goes on with its deletion. @returns how to take that back */
  async #countAsSaved(name: string): Promise<(() => Promise<void>) | undefined> {
    const { adoptConfig, lifetime } = this.#init;
    const world = this.#init.controller.sandboxes.get(name)?.world;
    const instance = world?.instance ?? world?.tombstone;
    if (!instance?.stamp.session) return undefined;
    const { saved } = instance.stamp;
    const note = (at: number | undefined) => adoptConfig(instance.name, renderStamp({ saved: at }), lifetime);
    await note(Date.now());
    return () => note(saved);
  }

  async confirmDeletes({ count }: Parameters<ControlApi['confirmDeletes']>[0]): Promise<readonly string[]> {
    const { controller } = this.#init;
    const held = controller.desired.held();
    if (held.length !== count) {
      const message = `${held.length} deletions are held, not ${count}${held.length > 0 ? `: ${held.join(', ')}` : ''}`;
      throw new Problem({ code: 'guard.count', message, hint: 'Nothing was confirmed. See coi status.' });
    }
    controller.desired.confirm(held);
    for (const name of held) controller.hintSandbox(name);
    return held;
  }

  async adopt({ name, by }: Parameters<ControlApi['adopt']>[0]): Promise<VerbReport> {
    const { controller, adoptConfig, lifetime } = this.#init;
    const manifest = controller.desired.manifests().get(name);
    if (!manifest) return { name, done: false, message: 'No source declares it: write its manifest first' };
    const seen = await controller.instances.refresh(manifest.instance, lifetime);
    if (!seen) return { name, done: false, message: `There is no instance "${manifest.instance}" to adopt` };
    if (seen.owner.kind === 'owned') return { name, done: false, message: 'It is managed already' };
    if (seen.instance.state !== 'stopped') {
      return {
        name,
        done: false,
        message: `It runs without rules: stop it first with incus stop ${manifest.instance}`,
      };
    }
    const view = controller.views.adopted(manifest);
    const stamp = {
      uid: view.uid,
      name,
      instance: manifest.instance,
      source: manifest.source,
      generation: 0,
      hash: '',
      applied: view.applied,
    };
    await adoptConfig(manifest.instance, renderStamp(stamp), lifetime);
    return this.#verbs.applied(name, {
      kind: 'adopt',
      why: 'adopted by command',
      message: 'It is managed from now on',
      by,
    });
  }

  orphans(): ReturnType<ControlApi['orphans']> {
    return this.#init.orphans.find(this.#init.lifetime);
  }

  removeOrphans({ ids, by }: Parameters<ControlApi['removeOrphans']>[0]): ReturnType<ControlApi['removeOrphans']> {
    return this.#init.orphans.remove(ids, by, this.#init.lifetime);
  }
}

/** What a copy worked in was made for it, and is its user's. */
function leftBy(manifest: Manifest | undefined): string {
  const { origin, workspace } = manifest?.sandbox ?? {};
  return origin && workspace !== undefined ? `; its workspace stays: ${workspace}` : '';
}
