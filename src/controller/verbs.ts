import { ulid } from 'ulid';
import type { AuditEntry } from '../audit/record.ts';
import type { VerbReport } from './control-api.ts';
import type { Controller } from './controller.ts';
import { knownNames } from './known-names.ts';

/** What a command did to a sandbox. */
interface Applied {
  readonly kind: string;
  readonly why: string;
  /** What its user is told. */
  readonly message: string;
  readonly by?: string;
}

/** What all commands share that do something to sandboxes by name. */
export class Verbs {
  readonly #controller: Controller;
  readonly #audit: (entry: AuditEntry) => Promise<void>;

  constructor(init: { readonly controller: Controller; readonly audit: (entry: AuditEntry) => Promise<void> }) {
    this.#controller = init.controller;
    this.#audit = init.audit;
  }

  /** One after the other, each by the name that it was asked for; what nobody knows is told so. */
  async each(names: readonly string[], act: (name: string) => Promise<VerbReport>): Promise<readonly VerbReport[]> {
    const reports: VerbReport[] = [];
    for (const name of names) {
      const known = knownNames(this.#controller);
      // People know containers by their own names as well.
      const meant = known.has(name) ? name : this.#controller.desired.declaredAs(name);
      const none = { done: false, message: 'No source declares it and nothing of it exists' };
      reports.push({ ...(meant === undefined ? none : await act(meant)), name });
    }
    return reports;
  }

  /** Something else is desired of a sandbox now: noted, and carried out next. */
  async applied(name: string, { kind, why, message, by = 'command' }: Applied): Promise<VerbReport> {
    await this.record(name, { kind, why, actor: by });
    this.#controller.hintSandbox(name);
    return { name, done: true, message };
  }

  /** Note in the audit log what a command did. */
  record(name: string, entry: Pick<AuditEntry, 'kind' | 'why' | 'actor'>): Promise<void> {
    return this.#audit({ reconcileId: ulid(), key: `sandbox/${name}`, phase: 'succeeded', ...entry });
  }
}
