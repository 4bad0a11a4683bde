import { openDeadline } from '../base/deadline.ts';
import { Problem } from '../base/problem.ts';
import { untilAborted } from '../base/until-aborted.ts';
import { goalOf } from '../plan/goal.ts';
import { activeOverrides } from '../plan/override.ts';
import { containerNames } from '../spec/container-names.ts';
import type { Manifest, Sandbox } from '../spec/sandbox.ts';
import type { SessionNames } from '../spec/session-names.ts';
import type {
  ContainerApi,
  Launched,
  LaunchRequest,
  MountRequest,
  PowerReport,
  PowerRequest,
} from './container-api.ts';
import type { VerbReport } from './control-api.ts';
import { mountFault } from './mount-fault.ts';
import { protection } from './refusal.ts';
import { placeText } from './report.ts';
import type { SessionControl, SessionControlInit } from './session-control.ts';
import { uidOf } from './session-control.ts';

/** What declares containers by name. */
export interface ContainerControlInit extends SessionControlInit {
  readonly sessions: SessionControl;
}

/** Seconds that what runs inside has to end by itself, where the container goes afterwards. */
const graceS = 10;

/** Longest wait for the look at what a command changed, in milliseconds. */
const lookMs = 120_000;

/** Containers that commands name: each is declared like anything else, and the loop does the rest. */
export class ContainerControl implements ContainerApi {
  readonly #init: ContainerControlInit;

  constructor(init: ContainerControlInit) {
    this.#init = init;
  }

  async launch({ uid, by, instance, manifest }: LaunchRequest): Promise<Launched> {
    const { sessions, manifests } = this.#init;
    const names = requireNames(instance);
    const sandbox = { ...(await manifests.read(manifest, uid)), asked: { at: this.#now() } };
    const file = await sessions.inTurn(async () => {
      if (await sessions.isTaken(names)) throw this.#taken(names);
      const created = await manifests.create(uid, { ...names, sandbox }, {});
      await sessions.tell(names.name, manifests.sourceOf(uid));
      return created;
    });
    await sessions.record(names.name, { kind: 'launch', why: 'launched by command', actor: by });
    return { ...names, file };
  }

  setPower(request: PowerRequest): Promise<PowerReport> {
    return this.#looked(request.name, () => this.#setPower(request));
  }

  addMount(request: MountRequest): Promise<VerbReport> {
    return this.#looked(request.name, () => this.#addMount(request));
  }

  /**
   * What follows is judged by a look from afterwards, which may be long in coming where something holds the sandbox: nobody
   * else's turn waits for it.
   */
  async #looked<T extends VerbReport>(name: string, change: () => Promise<T>): Promise<T> {
    const { controller, sessions, lifetime } = this.#init;
    using looks = new DisposableStack();
    const { report, done } = await sessions.inTurn(async () => {
      const look = looks.use(controller.sandboxes.nextLook(name));
      return { report: await change(), done: look.done };
    });
    if (!report.done) return report;
    using deadline = openDeadline(controller.hands.clock, lookMs, lifetime);
    try {
      await untilAborted(done, deadline.signal);
    } catch (error) {
      throw deadline.hasPassed() ? isHeldUp(name) : error;
    }
    return report;
  }

  async #setPower({ name, by, to, force = false }: PowerRequest): Promise<PowerReport> {
    const { sessions } = this.#init;
    const sandbox = this.#declared(name)?.sandbox;
    const isLeaving = to === 'stopped' && sandbox !== undefined && isSpentByStop(sandbox);
    const order = this.#order(force);
    const report = await sessions.changeOne(name, {
      // The process that it was for has nothing to do with what a command asks for now.
      changed: ({ lease: _lease, ...before }) => ({
        ...before,
        ...(isLeaving ? { endsWithin: force ? 0 : graceS } : { state: to, asked: order }),
      }),
      isRefused: (before) => (isLeaving && protection(before)) || this.#whyNot(name, before, to),
      entry: { kind: to === 'running' ? 'start' : 'stop', why: 'asked for by command', actor: by },
      message: to === 'running' ? 'It is being started' : 'It is being stopped',
    });
    return { ...report, ...(isLeaving && report.done && { isLeaving }) };
  }

  async #addMount({ name, by, device, path, mount }: MountRequest): Promise<VerbReport> {
    const changed = (before: Sandbox): Sandbox => ({
      ...before,
      mounts: { ...before.mounts, [path]: { ...mount, device } },
      // Another manifest starts what ended by itself: nobody asked for that.
      ...(this.#hasEnded(name, before) && { state: 'stopped' }),
    });
    const fault = await this.#mountFault(name, { path, device }, changed);
    return this.#init.sessions.changeOne(name, {
      changed,
      isRefused: () => fault ?? false,
      entry: { kind: 'mount', why: `${JSON.stringify(device)} at ${JSON.stringify(path)} by command`, actor: by },
      message: `"${mount.host}" is being mounted at "${path}"`,
    });
  }

  #whyNot(name: string, before: Sandbox, to: PowerRequest['to']): string | false {
    const { overrides = [], desired } = this.#init.controller.sandboxes.get(name)?.world ?? {};
    const hash = desired?.kind === 'declared' ? desired.manifest.hash : undefined;
    const active = activeOverrides(overrides, hash, this.#now());
    if (active.some(({ kind }) => kind === 'suspend')) {
      return `It is suspended, so that nothing is done to it: coi suspend ${name} --off`;
    }
    if (to === 'stopped') return false;
    if (before.endsWithin !== undefined) return 'It was shut down, and goes when it has stopped';
    const isHeld = active.some(({ kind }) => kind === 'freeze' || kind === 'quarantine');
    if (isHeld) return `It is held still: let it go on with coi resume ${name}`;
    return this.#whyNotUp(name, before);
  }

  /** What else has a say in whether it runs, as a schedule has, once it is asked to. */
  #whyNotUp(name: string, { lease: _lease, ...before }: Sandbox): string | false {
    const world = this.#init.controller.sandboxes.get(name)?.world;
    const declared = this.#declared(name);
    if (!world || !declared) return false;
    const manifest = { ...declared, sandbox: { ...before, state: 'running', asked: this.#order(false) } } as const;
    // What is still on its way down is started after that; and an override that names a manifest names no other.
    const instance = world.instance && { ...world.instance, power: 'stopped' as const };
    const overrides = activeOverrides(world.overrides, undefined, this.#now());
    const then = { ...world, instance, isAbandoned: false, now: this.#now() };
    const { state, because } = goalOf(then, { manifest, sourceComplete: true, overrides });
    return state !== 'running' && `It would not run now: its ${because} says ${state}. Apply it with another one first`;
  }

  /** Undefined also for one that is refused elsewhere, with a reason of its own. */
  async #mountFault(
    name: string,
    place: Pick<MountRequest, 'path' | 'device'>,
    changed: (before: Sandbox) => Sandbox,
  ): Promise<string | undefined> {
    const { manifests, controller } = this.#init;
    const manifest = this.#declared(name);
    if (!manifest || !manifests.isSession(manifest.source)) return undefined;
    const read = (text: string) => manifests.read(text, uidOf(manifest.source));
    const devices = controller.sandboxes.get(name)?.world.instance?.devices ?? {};
    return mountFault({ manifest, devices, ...place, sandbox: changed(manifest.sandbox), read });
  }

  #hasEnded(name: string, { restart }: Sandbox): boolean {
    const power = this.#init.controller.sandboxes.get(name)?.world.instance?.power;
    return restart === 'never' && power === 'stopped';
  }

  #declared(name: string): Manifest | undefined {
    return this.#init.controller.desired.manifests().get(name);
  }

  #order(force: boolean): NonNullable<Sandbox['asked']> {
    return { at: this.#now(), ...(force && { force }) };
  }

  #now(): number {
    return this.#init.controller.hands.clock.now();
  }

  #taken({ name, instance }: SessionNames): Problem {
    const { desired } = this.#init.controller;
    const manifest = this.#declared(name);
    const because = manifest
      ? `${placeText(manifest.position)} declares the sandbox "${name}", with the container ${manifest.instance}`
      : desired.tombstoneOf(name) === undefined
        ? 'there is an instance of that name, or a sandbox that has it'
        : `the sandbox "${name}" is being deleted`;
    return new Problem({
      code: 'container.taken',
      message: `The name "${instance}" is taken: ${because}`,
      hint: 'Take another name. All there are: coi container list',
    });
  }
}

/** It was declared all the same. */
function isHeldUp(name: string): Problem {
  return new Problem({
    code: 'container.held-up',
    message: `What was asked for "${name}" is declared, and something has kept it from being done for ${lookMs / 1_000} s`,
    hint: `It goes on as soon as it can; what is in the way: coi why ${name}`,
  });
}

/** Whether it is of no more use once it stands still. */
function isSpentByStop({ persistent, restart }: Sandbox): boolean {
  return !persistent && restart === 'never';
}

function requireNames(instance: string): SessionNames {
  const found = containerNames(instance);
  if ('names' in found) return found.names;
  throw new Problem({
    code: 'container.name',
    message: `No container can be launched as ${JSON.stringify(instance.slice(0, 80))}: ${found.fault}`,
    hint: 'Example: coi container launch coi my-container',
  });
}
