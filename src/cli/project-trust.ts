import { dirname } from 'node:path';
import { Problem, ProblemList, type Position } from '../base/problem.ts';
import { looseningKeys } from '../spec/loosening.ts';
import { parseToml } from '../spec/parse-toml.ts';
import type { Sandbox } from '../spec/sandbox.ts';
import type { SettingsLayer } from '../spec/schema/files.ts';
import type { ProjectPart } from './settings.ts';

/** What is to be allowed, or not. */
export interface TrustQuestion {
  readonly project: ProjectPart;
  /** The sandbox that comes of these settings and all layers above. */
  readonly resolve: (settings: SettingsLayer) => Sandbox;
}

/** A key of a project's file that takes somebody's trust. */
export interface TrustNeed {
  readonly key: string;
  readonly why: string;
  readonly position: Position;
}

/** @throws {Problem} `spec.syntax` when the file cannot be read as TOML */
export function trustNeeds({ project: { file: read, layer, settingsWith }, resolve }: TrustQuestion): TrustNeed[] {
  const { file, text } = read;
  const document = parseToml(file, text);
  if (document instanceof Problem) throw document;
  const resolveWith = (part: SettingsLayer) => resolve(settingsWith(part).layer);
  const profiles = Object.keys(settingsWith({}).layer.profiles ?? {});
  return looseningKeys({ project: layer, profiles, resolve: resolveWith }).map(({ path, why }) => ({
    key: path.join('.'),
    why,
    position: { file, ...document.locator.nearest(path).key },
  }));
}

/**
 * Refuse what nobody trusts.
 *
 * @throws {ProblemList} `trust.needed` with every line in question, the last with what to do
 */
export function requireTrust(question: TrustQuestion): void {
  const needs = trustNeeds(question);
  if (needs.length === 0) return;
  const hint = `Read the file; if you want that, allow it as it is now: coi trust ${dirname(question.project.file.file)}`;
  throw new ProblemList(
    needs.map(({ key, why, position }, index) => {
      const message = `A project may not set ${key} by itself: ${why}`;
      const isLast = index === needs.length - 1;
      return new Problem({ code: 'trust.needed', message, position, ...(isLast && { hint }) });
    }),
  );
}
