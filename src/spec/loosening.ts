import type { KeyPath } from './locate-toml.ts';
import { looserParts, type LoosePart } from './looser.ts';
import type { Sandbox } from './sandbox.ts';
import type { SettingsLayer } from './schema/files.ts';

/** A key of a project's file that takes somebody's trust. */
export interface Loosening {
  readonly path: KeyPath;
  /** Why, as the end of a sentence. */
  readonly why: string;
}

/** What a project's file is judged by. */
export interface LooseningInput {
  /** What it says, checked. */
  readonly project: SettingsLayer;
  /** Names of the profiles that there are without it. */
  readonly profiles: readonly string[];
  /** The sandbox that comes of all layers, with this in the place of the project's file. */
  readonly resolve: (project: SettingsLayer) => Sandbox;
}

type Table = Readonly<Record<string, unknown>>;
type Judgement = 'harmless' | 'compared' | 'needs trust';

/** The longest matching beginning of a path decides; what is not listed needs trust. */
const judgements: Readonly<Record<string, Judgement>> = {
  'defaults.image': 'harmless',
  'defaults.persistent': 'harmless',
  'defaults.model': 'harmless',
  'paths.preserve_workspace_path': 'harmless',
  'tool.claude': 'harmless',
  network: 'compared',
  'network.logging': 'needs trust',
  security: 'compared',
  git: 'compared',
  mounts: 'compared',
  limits: 'compared',
  monitoring: 'compared',
  'profiles.*': 'compared',
  'profiles.*.tool': 'needs trust',
  'profiles.*.environment': 'needs trust',
  'profiles.*.network.logging': 'needs trust',
};

/**
 * The keys by which a project gives itself more than it would have without its file: more of the network, directories
 * outside of itself, fewer protected paths, higher limits, somebody's profile in other words, or anything that is not known
 * to be harmless. A project may always take less.
 */
export function looseningKeys({ project, profiles, resolve }: LooseningInput): Loosening[] {
  const replaced = Object.keys(project.profiles ?? {}).filter((name) => profiles.includes(name));
  const leaves = leavesOf(project).filter(([first, name]) => first !== 'profiles' || !replaced.includes(String(name)));
  const needing = leaves.filter(
    (path) => judgementOf(path) === 'needs trust' && !isStricter(path, valueAt(project, path)),
  );
  const compared = leaves.filter((path) => judgementOf(path) === 'compared');
  const found = [
    // A profile replaces another as a whole: an empty one takes away all that the other says.
    ...replaced.map((name) => ({ path: ['profiles', name], why: 'it takes the place of your profile' })),
    ...needing.map((path) => ({ path, why: 'only you may say that' })),
    ...looserOf(compared, { project, resolve }),
  ];
  return [...found, ...fromTheWhole(found, { project, resolve })];
}

/** Whatever keys are judged by, all of the file together must come to no more than nothing of it. */
function fromTheWhole(found: readonly Loosening[], { project, resolve }: Compared): Loosening[] {
  const parts = looserParts(resolve(project), resolve({}));
  return parts
    .filter(({ section }) => !found.some(({ path }) => isOf(section, path)))
    .flatMap(({ why }) => Object.keys(project).map((key) => ({ path: [key], why })));
}

type Compared = Pick<LooseningInput, 'project' | 'resolve'>;

/** Each key is tried by itself and left out by itself; what only several do together is laid to all of the part. */
function looserOf(leaves: readonly KeyPath[], { project, resolve }: Compared): Loosening[] {
  const base = resolve({});
  const looser = (paths: readonly KeyPath[]) => looserParts(resolve(only(project, paths)), base);
  const all = looser(leaves);
  if (all.length === 0 && leaves.every((path) => looser([path]).length === 0)) return [];
  const blamed = leaves.flatMap((path): Loosening[] => {
    const [alone] = looser([path]);
    if (alone) return [{ path, why: alone.why }];
    const without = looser(leaves.filter((other) => other !== path));
    const part = all.find(({ section }) => !without.some((each) => each.section === section));
    return part ? [{ path, why: part.why }] : [];
  });
  const unexplained = all.filter(({ section }) => !blamed.some(({ path }) => isOf(section, path)));
  const together = unexplained.flatMap((part) =>
    leaves.filter((path) => isOf(part.section, path)).map((path) => ({ path, why: part.why })),
  );
  return [...blamed, ...together];
}

/** Sections that say the same as others. */
const sharing: Readonly<Partial<Record<LoosePart['section'], readonly string[]>>> = {
  security: ['security', 'git'],
  tool: ['tool', 'defaults'],
};

function isOf(section: LoosePart['section'], [first]: KeyPath): boolean {
  return first === 'profiles' || (sharing[section] ?? [section]).includes(String(first));
}

function judgementOf(path: KeyPath): Judgement {
  const names = path.map((part, index) => (index === 1 && path[0] === 'profiles' ? '*' : String(part)));
  for (let length = names.length; length > 0; length -= 1) {
    const known = judgements[names.slice(0, length).join('.')];
    if (known) return known;
  }
  return 'needs trust';
}

/** Values of keys that need trust otherwise. */
function isStricter(path: KeyPath, value: unknown): boolean {
  const name = path.join('.');
  return (
    (name === 'tool.permission_mode' && value === 'interactive') ||
    (['defaults.mount_claude_config', 'tool.host_files'].includes(name) && !value)
  );
}

/** Paths of all values; lists are values. */
function leavesOf(table: Table, above: KeyPath = []): KeyPath[] {
  return Object.entries(table).flatMap(([key, value]) => {
    const path = [...above, key];
    return isTable(value) ? leavesOf(value, path) : [path];
  });
}

function valueAt(data: unknown, path: KeyPath): unknown {
  return path.reduce<unknown>((at, key) => (isTable(at) ? at[key] : undefined), data);
}

/** A file that says nothing but these values of another. */
function only(project: SettingsLayer, paths: readonly KeyPath[]): SettingsLayer {
  const result: Record<string, unknown> = {};
  for (const path of paths) {
    let at = result;
    for (const key of path.slice(0, -1)) at = (at[key] ??= {}) as Record<string, unknown>;
    at[path.at(-1)!] = valueAt(project, path);
  }
  return result;
}

function isTable(value: unknown): value is Table {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
