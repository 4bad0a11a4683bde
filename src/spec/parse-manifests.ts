import { Problem } from '../base/problem.ts';
import type { z } from 'zod';
import { checkData, startsWith, type KeyProblem } from './check-data.ts';
import { checkRules } from './check-rules.ts';
import { noHome } from './expand-home.ts';
import { hashSandbox } from './hash.ts';
import { manifestLayers } from './layers.ts';
import { isSessionName } from './names.ts';
import { networkOrigins, type NetworkOrigins, type SettingsOrigins } from './network-origins.ts';
import { parseToml, type TomlDocument } from './parse-toml.ts';
import { profileNamed, unknownProfile } from './profile.ts';
import { resolveSandbox } from './resolve-sandbox.ts';
import { parseImages } from './parse-images.ts';
import type { ImageManifest } from './declared-image.ts';
import type { Manifest, Sandbox } from './sandbox.ts';
import {
  type askedSchema,
  type leaseSchema,
  type originSchema,
  type sessionPartSchema,
  manifestFileSchema,
  sessionFileSchema,
  type ProfileLayer,
  type SettingsLayer,
} from './schema/files.ts';
import type { SandboxLayer } from './schema/sandbox.ts';

/** One manifest file as its source read it. */
export interface ManifestFile {
  /** Path for people to find it by. */
  readonly file: string;
  readonly text: string;
  /** Identifier of the source. */
  readonly source: string;
  /** Home directory of the file's owner, for `~`. */
  readonly home: string;
  /** Number of that owner; without it nothing of the owner's goes into the sandbox. */
  readonly uid?: number | undefined;
  /** What lies below the manifests: the settings of the host. Empty for the session source, whose files are complete. */
  readonly settings: SettingsLayer;
  /** Where the settings say what concerns networks. */
  readonly origins?: SettingsOrigins | undefined;
  /** `session`: a file of the session source, where names of sessions and the key `instance` are allowed. */
  readonly kind?: 'declared' | 'session';
}

/** What one file says. */
export interface ParsedFile {
  readonly file: string;
  /** The sandboxes without problems of their own. */
  readonly manifests: readonly Manifest[];
  /** Everything that is wrong with the file, each with its position. */
  readonly problems: readonly Problem[];
  /** Names of all sandboxes in the file, the wrong ones too: what must not be taken for gone. */
  readonly names: readonly string[];
  /** The images without problems of their own. */
  readonly images: readonly ImageManifest[];
  /** Names of all images in the file, the wrong ones too. */
  readonly imageNames: readonly string[];
}

/** Read one manifest file. Never throws for what the file holds: every fault becomes a problem with a position. */
export function parseManifestFile(input: ManifestFile): ParsedFile {
  const { file, text, kind } = input;
  const document = parseToml(file, text);
  if (document instanceof Problem) {
    return { file, manifests: [], problems: [document], names: [], images: [], imageNames: [] };
  }
  const schema = kind === 'session' ? sessionFileSchema : manifestFileSchema;
  const found = checkData({ schema, data: document.data, file, locator: document.locator });
  const versionIsWrong = found.some(({ path }) => path[0] === 'apiVersion');
  const tables = Object.entries(isTable(document.data['sandbox']) ? document.data['sandbox'] : {});
  const read = tables
    .filter(([, table]) => isTable(table))
    .map(([name, table]) => readTable({ name, table: table as SandboxLayer, document, found, input }));
  const { images, imageNames, problems } = parseImages({ ...input, document, found });
  return {
    file,
    manifests: versionIsWrong ? [] : read.flatMap(({ manifest }) => manifest ?? []),
    problems: byPosition([
      ...found.map(({ problem }) => problem),
      ...problems,
      ...read.flatMap((each) => each.problems),
    ]),
    names: tables.map(([name]) => name),
    images: versionIsWrong ? [] : images,
    imageNames,
  };
}

/** What only the session source says. */
interface SessionKeys {
  readonly instance?: string;
  readonly lease?: z.infer<typeof leaseSchema>;
  readonly session?: z.infer<typeof sessionPartSchema>;
  readonly ends_within?: number;
  readonly asked?: z.infer<typeof askedSchema>;
  readonly origin?: z.infer<typeof originSchema>;
}

interface TableInput {
  readonly name: string;
  readonly table: SandboxLayer & SessionKeys;
  readonly document: TomlDocument;
  readonly found: readonly KeyProblem[];
  readonly input: ManifestFile;
}

function readTable({ name, table, document, found, input }: TableInput): {
  manifest?: Manifest;
  problems: readonly Problem[];
} {
  const { file, source, home, uid, settings } = input;
  const place = (path: readonly (string | number)[]) => document.locator.nearest(['sandbox', name, ...path]).key;
  const own = found.filter(({ path }) => startsWith(path, ['sandbox', name]));
  const wrong = new Set(own.map(({ path }) => String(path[2] ?? '')));
  const {
    instance = `coi-${name}`,
    lease,
    session,
    ends_within: endsWithin,
    asked,
    origin,
    ...manifest
  } = withoutKeys(table, wrong);
  const profile = profileNamed(manifest.profile, settings);
  const problems =
    manifest.profile === undefined
      ? []
      : profileProblems({ name: manifest.profile, profile, settings, position: { file, ...place(['profile']) } });
  const layers = manifestLayers({ settings, profile, manifest });
  const sandbox = {
    ...resolveSandbox({ layers, home, session: isSessionName(name) }),
    ...leaseOf(lease),
    ...(session && { session }),
    ...(endsWithin !== undefined && { endsWithin }),
    ...(asked && { asked }),
    ...(origin && { origin }),
  };
  problems.push(...checkRules({ name, sandbox, wrong, positionOf: (path) => ({ file, ...place(path) }) }));
  if (own.length + problems.length > 0) return { problems };
  const position = { file, line: place([]).line };
  const origins = originsOf({ name, table: manifest, document, found, input });
  // Nothing can be taken from, or kept for, somebody without a home.
  const owner = uid === undefined || home === noHome ? {} : { owner: { uid, home } };
  return {
    manifest: { name, instance, sandbox, source, position, ...owner, origins, hash: hashSandbox(sandbox) },
    problems,
  };
}

function originsOf({ name, table, document, input }: TableInput): NetworkOrigins {
  const { file, origins } = input;
  const path = ['sandbox', name, 'network'];
  return {
    ...origins?.network,
    ...(table.profile === undefined ? {} : origins?.profiles[table.profile]),
    ...networkOrigins(table.network, { from: 'manifest', file, locator: document.locator, path }),
  };
}

function leaseOf(lease: SessionKeys['lease']): Pick<Sandbox, 'lease'> {
  return lease ? { lease: { pid: lease.pid, startedAt: lease.started_at, boot: lease.boot } } : {};
}

function withoutKeys(table: TableInput['table'], keys: ReadonlySet<string>): TableInput['table'] {
  return Object.fromEntries(Object.entries(table).filter(([key]) => !keys.has(key)));
}

interface ProfileUse {
  readonly name: string;
  readonly settings: SettingsLayer;
  readonly position: { file: string; line: number; column: number };
}

function profileProblems({ profile, ...use }: ProfileUse & { readonly profile: ProfileLayer | undefined }): Problem[] {
  if (!profile) return [unknownProfile(use.name, use.settings, use.position)];
  if (Object.keys(profile.environment ?? {}).length === 0) return [];
  return [
    new Problem({
      code: 'spec.profile-environment',
      message: `profile "${use.name}" has environment variables, which only sessions get`,
      hint: 'Take another profile, or one without [profiles.NAME.environment].',
      position: use.position,
    }),
  ];
}

function byPosition(problems: readonly Problem[]): Problem[] {
  const rank = ({ position }: Problem) => (position?.line ?? 0) * 1e6 + (position?.column ?? 0);
  return problems.toSorted((a, b) => rank(a) - rank(b));
}

function isTable(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
