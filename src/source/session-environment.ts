import { open, readdir, readFile, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { ulid } from 'ulid';
import { z } from 'zod';
import { messageOf, Problem, type Retry } from '../base/problem.ts';
import { checkName } from './check-name.ts';
import { makeDirectory } from './make-directory.ts';
import { codeOf } from './sentinel.ts';
import { sessionDirectory, unwritable, type SessionPlace } from './session-store.ts';

/** Variables of what runs inside a sandbox: their values may be secret. */
export type Environment = Readonly<Record<string, string>>;

const environmentSchema = z.record(z.string(), z.string());

/**
 * Files with the environments of sessions, beside their manifests, for root alone. A manifest names its file, and says
 * nothing of what is in it. Methods that write throw Problem `session.unwritable` when the disk refuses.
 */
export class SessionEnvironments {
  readonly #stateDir: string;

  /** @param stateDir absolute; only root may write to it */
  constructor(stateDir: string) {
    this.#stateDir = stateDir;
  }

  /** Keep an environment under a name that nothing had before. @returns that name */
  async keep(place: SessionPlace, environment: Environment): Promise<string> {
    const id = ulid();
    const path = this.#path(place, id);
    try {
      await makeDirectory(dirname(path));
      await using file = await open(path, 'wx', 0o600);
      await file.writeFile(JSON.stringify(environment));
      await file.sync();
    } catch (error) {
      throw unwritable(path, error);
    }
    return id;
  }

  /** @throws {Problem} `session.environment` when it is not there, cannot be read, or is none */
  async read(place: SessionPlace, id: string): Promise<Environment> {
    const path = this.#path(place, id);
    const text = await readFile(path, 'utf8').catch((error: unknown) => {
      throw unreadable(path, `cannot be read: ${messageOf(error)}`, 'backoff');
    });
    const { success, data } = environmentSchema.safeParse(parseJson(text));
    if (success) return data;
    throw unreadable(path, 'is damaged', 'never');
  }

  async drop(place: SessionPlace, id: string): Promise<void> {
    const path = this.#path(place, id);
    try {
      await rm(path, { force: true });
    } catch (error) {
      throw unwritable(path, error);
    }
  }

  /** Remove all of a sandbox but one. */
  async sweep(place: SessionPlace, keep?: string): Promise<void> {
    const directory = sessionDirectory(this.#stateDir, place.uid);
    const kept = keep === undefined ? undefined : fileName(place, keep);
    const isSwept = (file: string) => file.startsWith(`${place.name}.`) && file.endsWith('.env') && file !== kept;
    try {
      const files = (await readdir(directory)).filter(isSwept);
      await Promise.all(files.map((file) => rm(join(directory, file), { force: true })));
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') throw unwritable(directory, error);
    }
  }

  #path(place: SessionPlace, id: string): string {
    return join(sessionDirectory(this.#stateDir, place.uid), fileName(place, id));
  }
}

function fileName({ name }: SessionPlace, id: string): string {
  return `${checkName(name)}.${id}.env`;
}

/** What the parser says quotes the text, which may hold secrets: it goes nowhere. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Refused as what is damaged.
    return undefined;
  }
}

function unreadable(path: string, what: string, retry: Retry): Problem {
  return new Problem({
    code: 'session.environment',
    message: `The environment of a session, "${path}", ${what}`,
    hint: 'End the session and start it again: coi kill NAME',
    retry,
  });
}
