import { readFileSync, unlinkSync } from 'node:fs';
import { link, open, readdir, rm } from 'node:fs/promises';
import { randomUUID } from 'node:crypto';
import { dirname, join } from 'node:path';
import { syncDirectory, writeFileAtomically } from '../base/atomic-file.ts';
import { messageOf, Problem } from '../base/problem.ts';
import { instanceName } from '../spec/schema/formats.ts';
import { checkName } from './check-name.ts';
import { makeDirectory } from './make-directory.ts';
import { codeOf } from './sentinel.ts';

/** Where a sandbox of a session is declared. */
export interface SessionPlace {
  /** Numeric id of the user whose session it is. */
  readonly uid: number;
  /** Name of the sandbox. */
  readonly name: string;
}

/** Directory of a user's manifests. */
export function sessionDirectory(stateDir: string, uid: number): string {
  if (!Number.isSafeInteger(uid) || uid < 0) throw new Error(`not a user id: ${uid}`);
  return join(stateDir, 'desired', String(uid));
}

/** A file that says only that a sandbox is to be deleted. */
function tombstoneOf(name: string, instance: string): string {
  return `apiVersion = "coi/v1"\n\n[sandbox.${name}]\ninstance = "${instance}"\nstate = "absent"\n`;
}

function isTombstone(name: string, text: string): boolean {
  const [, instance = ''] = /^instance = "([A-Za-z0-9-]+)"$/m.exec(text) ?? [];
  return text === tombstoneOf(name, instance);
}

/**
 * Files of the session source. All writes are atomic and survive a power cut; directories are 0700, files 0600. Every
 * method throws Problem `session.name` for a name that is none, `session.unwritable` when the disk refuses.
 */
export class SessionStore {
  readonly #stateDir: string;

  /** @param stateDir absolute; only root may write to it */
  constructor(stateDir: string) {
    this.#stateDir = stateDir;
  }

  /** Path of the file that declares a sandbox. */
  fileOf({ uid, name }: SessionPlace): string {
    return join(sessionDirectory(this.#stateDir, uid), `${checkName(name)}.toml`);
  }

  /**
   * Declare a sandbox whose name is not taken: of several callers exactly one succeeds.
   *
   * @param text a complete manifest file
   * @throws {Problem} `session.taken` when the name is taken, also by a sandbox that is still being deleted
   */
  async createManifest(place: SessionPlace, text: string): Promise<void> {
    const path = await this.#prepare(place);
    const temporary = `${path}.${randomUUID()}.tmp`;
    try {
      await writeNew(temporary, text);
      // link(2) never replaces, and the name appears with the whole content behind it.
      await link(temporary, path);
      await syncDirectory(dirname(path));
    } catch (error) {
      throw codeOf(error) === 'EEXIST' ? taken(place.name, path) : unwritable(path, error);
    } finally {
      await rm(temporary, { force: true });
    }
  }

  /** Declare a sandbox, whatever was declared under its name before. @param text a complete manifest file */
  async replaceManifest(place: SessionPlace, text: string): Promise<void> {
    const path = await this.#prepare(place);
    await writeFileAtomically(path, text).catch((error: unknown) => {
      throw unwritable(path, error);
    });
  }

  /** Have a sandbox deleted, in place of its manifest. @param instance name of its Incus instance */
  async writeTombstone(place: SessionPlace, instance: string): Promise<void> {
    checkName(place.name);
    if (!instanceName.safeParse(instance).success) throw new Error(`not a name of an instance: ${instance}`);
    await this.replaceManifest(place, tombstoneOf(place.name, instance));
  }

  /**
   * Forget a sandbox that is gone, which frees its name. A manifest that was declared meanwhile stays.
   *
   * @returns whether there was a tombstone
   */
  async removeTombstone(place: SessionPlace): Promise<boolean> {
    const path = this.fileOf(place);
    try {
      // In one go: nothing else in this process may declare the name between the look and the removal.
      if (!isTombstone(place.name, readFileSync(path, 'utf8'))) return false;
      unlinkSync(path);
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return false;
      throw unwritable(path, error);
    }
    await syncDirectory(dirname(path));
    return true;
  }

  /** Text of a sandbox's file, tombstone or manifest; undefined when its name is free. */
  async read(place: SessionPlace): Promise<string | undefined> {
    const path = this.fileOf(place);
    try {
      return readFileSync(path, 'utf8');
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return undefined;
      throw unwritable(path, error);
    }
  }

  /** Ids of the users who ever declared a sandbox, in ascending order. */
  async listUsers(): Promise<number[]> {
    const path = join(this.#stateDir, 'desired');
    const entries = await readdir(path, { withFileTypes: true }).catch((error: unknown) => {
      if (codeOf(error) === 'ENOENT') return [];
      throw unwritable(path, error);
    });
    const users = entries.filter((entry) => entry.isDirectory() && /^(?:0|[1-9][0-9]*)$/.test(entry.name));
    return users.map(({ name }) => Number(name)).sort((a, b) => a - b);
  }

  async #prepare(place: SessionPlace): Promise<string> {
    const path = this.fileOf(place);
    try {
      await makeDirectory(dirname(path));
    } catch (error) {
      throw unwritable(path, error);
    }
    return path;
  }
}

async function writeNew(path: string, text: string): Promise<void> {
  await using file = await open(path, 'wx', 0o600);
  await file.writeFile(text);
  await file.sync();
}

function taken(name: string, path: string): Problem {
  return new Problem({
    code: 'session.taken',
    message: `Cannot declare sandbox "${name}": the name is taken`,
    hint: 'Take another name, or delete the sandbox and wait until it is gone.',
    position: { file: path },
  });
}

/** Why a file of the session source could not be written, or read. */
export function unwritable(path: string, error: unknown): Problem {
  return new Problem({
    code: 'session.unwritable',
    message: `Cannot write ${path}: ${messageOf(error)}`,
    hint: 'Look at the space that is left on its file system, and at who may write there.',
    retry: 'backoff',
    cause: error,
  });
}
