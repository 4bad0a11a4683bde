import { systemClock as clock } from '../base/clock.ts';
import { Problem, ProblemList } from '../base/problem.ts';
import type { SessionKeeper } from './control.ts';
import { uidOf, type SessionManifest, type SessionManifests } from './session-control.ts';
import type { ManifestText } from './control-api.ts';
import type { Controller } from './controller.ts';
import { ManifestReader } from './manifest-reader.ts';
import { openDirectorySource } from '../source/directory.ts';
import { homeOf } from '../source/homes.ts';
import { sessionSource, sessionSourceId } from '../source/session-source.ts';
import { SessionEnvironments, type Environment } from '../source/session-environment.ts';
import { SessionStore, type SessionPlace } from '../source/session-store.ts';
import type { Source } from '../source/source.ts';
import type { Manifest, Sandbox } from '../spec/sandbox.ts';
import { renderManifest } from '../spec/render-manifest.ts';
import type { Settings } from '../spec/settings.ts';

/** What a set of sources needs. */
export interface SourceSetInit {
  readonly settings: Settings;
  readonly controller: Controller;
  /** Watches end with it. */
  readonly stack: AsyncDisposableStack;
}

/** The directories of the settings, and a session source for every user who ever stored something. */
export class SourceSet implements SessionKeeper, SessionManifests {
  readonly reader: ManifestReader;
  readonly #init: SourceSetInit;
  readonly #store: SessionStore;
  readonly #environments: SessionEnvironments;
  readonly #users = new Set<number>();
  readonly #opened: Source[] = [];
  #isWatching = false;

  constructor(init: SourceSetInit) {
    this.#init = init;
    this.reader = new ManifestReader(init.settings);
    this.#store = new SessionStore(init.settings.controller.stateDir);
    this.#environments = new SessionEnvironments(init.settings.controller.stateDir);
  }

  /** Open all of them and hand them to the controller. */
  async open(): Promise<void> {
    const { settings, controller } = this.#init;
    const ownsSomething = (id: string) => controller.desired.ownsSomething(id);
    for (const path of settings.controller.sources) {
      const parse = this.reader.declared.bind(this.reader);
      this.#add(await openDirectorySource({ path, parse, homeOf, ownsSomething, clock }));
    }
    for (const uid of new Set([0, ...(await this.#store.listUsers())])) this.#addUser(uid);
  }

  #addUser(uid: number): void {
    const { settings, controller } = this.#init;
    this.#users.add(uid);
    const parse = this.reader.session.bind(this.reader);
    const ownsSomething = (id: string) => controller.desired.ownsSomething(id);
    this.#add(sessionSource({ stateDir: settings.controller.stateDir, uid, parse, homeOf, ownsSomething, clock }));
  }

  #add(source: Source): void {
    this.#init.controller.sources.add(source);
    this.#opened.push(source);
    if (this.#isWatching) this.#watchOne(source);
  }

  /** Hint at changes from now on. */
  watch(): void {
    this.#isWatching = true;
    for (const source of this.#opened) this.#watchOne(source);
  }

  #watchOne(source: Source): void {
    this.#init.stack.use(source.watch(() => this.#init.controller.sources.hint(source.id)));
  }

  /** Read manifest files that a user brings along. */
  async brought(files: readonly ManifestText[], uid: number) {
    return this.reader.brought(files, { source: sessionSourceId(uid), home: await homeOf(uid), uid });
  }

  sourceOf(uid: number): string {
    return sessionSourceId(uid);
  }

  isSession(source: string): boolean {
    return source.startsWith(sessionSourceId(0).slice(0, -1));
  }

  async read(text: string, uid: number): Promise<Sandbox> {
    const source = sessionSourceId(uid);
    const owner = { uid, home: await homeOf(uid) };
    const { manifests, problems } = this.reader.session({ path: 'the session', text, owner, source });
    const [manifest, ...others] = manifests;
    if (problems.length > 0) throw new ProblemList(problems);
    if (manifest && others.length === 0) return manifest.sandbox;
    throw new Problem({ code: 'session.manifest', message: 'A session has one sandbox, neither none nor several' });
  }

  async create(uid: number, manifest: SessionManifest, environment: Environment): Promise<string> {
    const place = this.#placeFor(uid, manifest);
    const kept = await this.#keepEnvironment(place, environment);
    try {
      await this.#store.createManifest(place, renderManifest(withEnvironment(manifest, kept)));
    } catch (error) {
      if (kept !== undefined) await this.#environments.drop(place, kept);
      throw error;
    }
    return this.#store.fileOf(place);
  }

  async put(uid: number, manifest: SessionManifest, environment: Environment = {}): Promise<string> {
    const place = this.#placeFor(uid, manifest);
    const kept = await this.#keepEnvironment(place, environment);
    const whole = withEnvironment(manifest, kept);
    await this.#store.replaceManifest(place, renderManifest(whole));
    await this.#environments.sweep(place, whole.sandbox.session?.environment);
    return this.#store.fileOf(place);
  }

  #placeFor(uid: number, { name }: SessionManifest): SessionPlace {
    if (!this.#users.has(uid)) this.#addUser(uid);
    return { uid, name };
  }

  async #keepEnvironment(place: SessionPlace, environment: Environment): Promise<string | undefined> {
    return Object.keys(environment).length === 0 ? undefined : this.#environments.keep(place, environment);
  }

  /** What somebody asked to have in the environment of what runs inside. */
  async environmentOf({ name, source, sandbox: { session } }: Manifest): Promise<Environment> {
    if (session?.environment === undefined || !this.isSession(source)) return {};
    return this.#environments.read({ uid: uidOf(source), name }, session.environment);
  }

  async writeTombstone(name: string, source: string): Promise<void> {
    const place = { uid: uidOf(source), name };
    await this.#store.writeTombstone(place, this.#instanceOf(name));
    await this.#environments.sweep(place);
  }

  /** Name of the instance that a sandbox has, or is to have. */
  #instanceOf(name: string): string {
    const { desired, instances } = this.#init.controller;
    const [seen] = instances.ofSandbox(name);
    const stamped = seen?.owner.kind === 'owned' ? seen.owner.stamp.instance : undefined;
    return desired.manifests().get(name)?.instance ?? stamped ?? `coi-${name}`;
  }

  /** A sandbox is gone: its name is free again. */
  async forget(name: string, source: string): Promise<void> {
    if (this.isSession(source)) await this.#store.removeTombstone({ uid: uidOf(source), name });
    this.#init.controller.sources.hint(source);
  }
}

function withEnvironment(manifest: SessionManifest, environment: string | undefined): SessionManifest {
  const { session, ...sandbox } = manifest.sandbox;
  if (environment === undefined || !session) return manifest;
  return { ...manifest, sandbox: { ...sandbox, session: { ...session, environment } } };
}
