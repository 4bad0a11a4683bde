import { join } from 'node:path';
import type { Clock } from '../base/clock.ts';
import { Problem } from '../base/problem.ts';
import type { FileSourceInit } from '../source/directory.ts';
import { openDirectorySources } from '../source/directory-sources.ts';
import { homeOf } from '../source/homes.ts';
import { sessionSource, sessionSourceId } from '../source/session-source.ts';
import { SessionStore } from '../source/session-store.ts';
import type { Source } from '../source/source.ts';
import type { Settings } from '../spec/settings.ts';
import type { ManifestReader } from './manifest-reader.ts';

/** What sources that are only looked at need. */
export interface SeenSourcesInit {
  readonly settings: Settings;
  readonly reader: ManifestReader;
  readonly ownsSomething: (id: string) => boolean;
  readonly clock: Clock;
  /** Who looks. */
  readonly uid: number;
}

/** The controller's sources as a user sees them: read, and never written to. */
export class SeenSources {
  readonly #init: SeenSourcesInit;
  readonly #store: SessionStore;
  readonly #sessions = new Map<number, Source>();
  #directories: Promise<readonly Source[]> | undefined;

  constructor(init: SeenSourcesInit) {
    this.#init = init;
    this.#store = new SessionStore(init.settings.controller.stateDir);
  }

  /**
   * All sources. Where this user may not see who stored something, those of whom something exists are taken.
   *
   * @param stamped ids of sources that instances carry
   * @throws {Problem} `source.same-id`
   */
  async all(stamped: Iterable<string>): Promise<{ sources: readonly Source[]; denied: readonly string[] }> {
    const { settings, reader, uid } = this.#init;
    const { stateDir, sources: paths } = settings.controller;
    this.#directories ??= openDirectorySources(paths, { ...this.#files(), parse: reader.declared.bind(reader) });
    const listed = await this.#users();
    const users = new Set([0, ...(listed ?? [uid, ...usersOf(stamped)])]);
    const sources = [...(await this.#directories), ...[...users].map((user) => this.#session(user))];
    return { sources, denied: listed ? [] : [join(stateDir, 'desired')] };
  }

  #session(uid: number): Source {
    const { settings, reader } = this.#init;
    const { stateDir } = settings.controller;
    const parse = reader.session.bind(reader);
    const source = this.#sessions.get(uid) ?? sessionSource({ ...this.#files(), stateDir, uid, parse });
    this.#sessions.set(uid, source);
    return source;
  }

  #files(): Pick<FileSourceInit, 'homeOf' | 'ownsSomething' | 'clock' | 'isMarked'> {
    const { ownsSomething, clock } = this.#init;
    return { homeOf, ownsSomething, clock, isMarked: false };
  }

  /** Undefined where this user may not know. */
  async #users(): Promise<readonly number[] | undefined> {
    try {
      return await this.#store.listUsers();
    } catch (error) {
      if (isDenied(error)) return undefined;
      throw error;
    }
  }
}

/** Users whose sessions something comes from. */
function usersOf(stamped: Iterable<string>): number[] {
  const prefix = sessionSourceId(0).slice(0, -1);
  return [...stamped].filter((id) => id.startsWith(prefix)).map((id) => Number(id.slice(prefix.length)));
}

/** Whether something failed because this user may not do it. */
export function isDenied(error: unknown): error is Problem {
  if (!(error instanceof Problem) || !(error.cause instanceof Error) || !('code' in error.cause)) return false;
  return error.cause.code === 'EACCES' || error.cause.code === 'EPERM';
}
