import { join } from 'node:path';
import { appendJsonLines } from '../log/json-lines-file.ts';
import type { Sandbox } from '../spec/sandbox.ts';
import type { Denial } from './denial-record.ts';
import type { NameDenials } from './name-denials.ts';

/** Length in bytes beyond which a log is kept under another name and begun anew. */
const largestLog = 8 * 2 ** 20;

/** Whose refusals are written down, and where. */
export interface LoggedSandbox {
  readonly uid: string;
  readonly name: string;
  /** The host's own log when undefined. */
  readonly log?: Sandbox['networkLog'];
}

/** What a {@link DenialLog} is made from. */
export interface DenialLogInit {
  readonly stateDir: string;
  readonly names: NameDenials;
  /** Told when something could not be written. Must not throw. */
  readonly onProblem: (error: unknown) => void;
}

type Line = { readonly at: number } & Readonly<Record<string, unknown>>;

/** Writes refused connections and names to files, as JSON Lines. What cannot be written is told and left out. */
export class DenialLog {
  readonly #init: DenialLogInit;
  /** How often a name was refused when it was last written, by sandbox and name. */
  readonly #names = new Map<string, number>();

  constructor(init: DenialLogInit) {
    this.#init = init;
  }

  /** Write down what is new about connections of a sandbox. */
  connections(sandbox: LoggedSandbox, denials: readonly Denial[]): Promise<void> {
    const lines = denials.map(({ to, proto, port, count, firstAt, lastAt }) => ({
      at: lastAt,
      address: to,
      proto,
      ...(port !== undefined && { port }),
      count,
      first: timeText(firstAt),
    }));
    return this.#append(sandbox, lines);
  }

  /** Write down what is new about names of all sandboxes. */
  async names(all: readonly LoggedSandbox[]): Promise<void> {
    const { names } = this.#init;
    const known = new Set<string>();
    for (const sandbox of all) {
      const lines: Line[] = [];
      for (const { name, type, reason, count, first, last } of names.denials(sandbox.uid)) {
        const key = `${sandbox.uid} ${reason} ${type} ${name}`;
        known.add(key);
        if (this.#names.get(key) !== count) lines.push({ at: last, name, type, reason, count, first: timeText(first) });
        this.#names.set(key, count);
      }
      await this.#append(sandbox, lines);
    }
    for (const key of this.#names.keys()) if (!known.has(key)) this.#names.delete(key);
  }

  async #append({ log = {}, name, uid }: LoggedSandbox, lines: readonly Line[]): Promise<void> {
    if (lines.length === 0 || log.enabled === false) return;
    const path = log.path ?? join(this.#init.stateDir, 'log/network.log');
    const values = lines
      .toSorted((a, b) => a.at - b.at)
      .map(({ at, ...line }) => ({ ts: timeText(at), sandbox: name, uid, ...line }));
    try {
      await appendJsonLines({ path, makeDirectory: log.path === undefined, maxBytes: largestLog }, values);
    } catch (error) {
      // The log is for people; what it lacks is still answered by coi why-denied.
      this.#init.onProblem(error);
    }
  }
}

/** RFC 3339 in UTC with milliseconds, as the audit log has it. */
function timeText(ms: number): string {
  return new Date(ms).toISOString();
}
