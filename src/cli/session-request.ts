import { realpath } from 'node:fs/promises';
import { homedir } from 'node:os';
import { resolve as resolvePath } from 'node:path';
import { Problem, ProblemList } from '../base/problem.ts';
import type { SessionRequest } from '../controller/session-api.ts';
import { inspectWorkspace } from '../observe/workspace.ts';
import { checkAsked } from '../spec/check-rules.ts';
import { environmentLayer } from '../spec/environment.ts';
import { commandLineLayers, sessionVariables } from '../spec/layers.ts';
import { profileNamed, requireProfile } from '../spec/profile.ts';
import { renderManifest } from '../spec/render-manifest.ts';
import { resolveSandbox } from '../spec/resolve-sandbox.ts';
import type { Sandbox } from '../spec/sandbox.ts';
import type { ProfileLayer, SettingsLayer } from '../spec/schema/files.ts';
import { flagLayer } from '../spec/session-flags.ts';
import { checkPrefix, sessionNames, workspaceHash } from '../spec/session-names.ts';
import type { Settings } from '../spec/settings.ts';
import { locateMounts, makeMounts, makeNamedDirectories, mountsOf } from './host-directories.ts';
import type { Io } from './io.ts';
import { requireTrust, type TrustQuestion } from './project-trust.ts';
import type { SessionOptions } from './session-flags.ts';
import { readSessionSettings, withHostLayer, type ProjectPart } from './settings.ts';
import { isTrusted } from './trust-store.ts';
import { whoCalls } from './who.ts';

/** A session as the command line asks for it. */
export interface AskedSession {
  readonly sandbox: Sandbox;
  readonly settings: Settings;
  readonly request: SessionRequest;
  /** Of what runs inside: what the profile and `--env` say, and `CommandPart.environment`. */
  readonly environment: Readonly<Record<string, string>>;
}

/** What a command itself has to say about its session. */
export interface CommandPart {
  readonly adjust: (sandbox: Sandbox) => Sandbox;
  /** Whether an agent runs inside by itself, and goes on when somebody comes back. */
  readonly agent?: boolean;
  /** What the agent gets of the terminal's variables; without it the session has none, and whoever runs something in it hands them over. */
  readonly environment?: Readonly<Record<string, string>>;
  /** What an earlier session that is to go on says about it, and the slot that it had. */
  readonly resumed?: ResumedPart;
}

/** Where a session is to be. */
export interface SessionSite {
  readonly prefix: string;
  readonly hash: string;
  readonly options: SessionOptions;
}

/** Fits what is asked for to an earlier session. */
export type ResumedPart = (
  sandbox: Sandbox,
  site: SessionSite,
) => Promise<{ readonly sandbox: Sandbox; readonly slot?: number | undefined }>;

/**
 * What a command line asks for, from all layers: built-in, /etc, the user's file, the project's, `COI_CONFIG`, environment,
 * profile, flags.
 *
 * @param command what the command itself has to say, above all layers
 * @throws {Problem} what is wrong with any of them
 */
export async function askForSession(
  io: Io,
  options: SessionOptions,
  { adjust, agent = false, environment: terminal, resumed }: CommandPart,
): Promise<AskedSession> {
  const path = resolvePath(io.cwd, options.workspace ?? '.');
  const prefix = checkPrefix(io.env['COI_CONTAINER_PREFIX']);
  const { settings, sandbox: asked, profile } = await resolveAsked(io, path, { options, adjust, agent });
  await makeNamedDirectories(io, settings);
  const hash = workspaceHash(path);
  const { sandbox, slot: meant } = (await resumed?.(asked, { prefix, hash, options })) ?? { sandbox: asked };
  const names = sessionNames({ prefix, hash, slot: 1 });
  const impossible = checkAsked(names.name, sandbox);
  if (impossible.length > 0) throw new ProblemList(impossible);
  await makeMounts(sandbox);
  const manifest = renderManifest({ ...names, sandbox });
  const wanted = options.slot || meant;
  const environment = sessionVariables({ terminal, profile, flags: Object.fromEntries(options.env ?? []) });
  const request = {
    ...whoCalls(io),
    prefix,
    hash,
    manifest,
    ...(wanted && { slot: wanted }),
    ...(terminal && { environment }),
    ...(agent && { goesOn: true }),
  };
  return { sandbox, settings, request, environment };
}

/** All layers put together. */
export interface Resolved extends Pick<AskedSession, 'settings' | 'sandbox'> {
  /** The one that was asked for. */
  readonly profile: ProfileLayer | undefined;
}

export interface ToResolve extends Required<Pick<CommandPart, 'adjust' | 'agent'>> {
  readonly options: SessionOptions;
}

/**
 * All layers, one above the other.
 *
 * @param path of the workspace; without one there is none, and no project has a say
 * @throws {Problem} what is wrong with any of them
 */
export async function resolveAsked(
  io: Io,
  path: string | undefined,
  { options, adjust, agent }: ToResolve,
): Promise<Resolved> {
  const workspace = path === undefined ? undefined : await requireWorkspace(path);
  const { settings, project } = await readSessionSettings(io, path);
  const environment = environmentLayer(io.env);
  const flags = flagLayer({ ...options, workspace, mount: await mountsOf(io, options) });
  const problems = [...environment.problems, ...flags.problems];
  if (problems.length > 0) throw new ProblemList(problems);
  const profile = requireProfile(options.profile, settings.layer);
  const home = io.env['HOME'] || homedir();
  const { uid: owner } = whoCalls(io);
  const located = await locateMounts(home, settings.layer);
  const resolve = (layer: SettingsLayer, chosen: ProfileLayer | undefined): Sandbox => {
    const above = { environment: environment.layer, ...(chosen && { profile: chosen }), flags: flags.layer };
    const layers = commandLineLayers({ settings: layer, ...above });
    return adjust(located(resolveSandbox({ layers, home, session: true, agent, owner })));
  };
  if (project) await judge(io, project, (other) => resolve(other, profileNamed(options.profile, other)));
  const sandbox = resolve(settings.layer, profile);
  // What the host itself adds means something in an allowlist only, and asking for it starts other programs.
  if (sandbox.network.mode !== 'allowlist') return { settings, sandbox, profile };
  const { layer } = await withHostLayer(settings, io);
  return { settings, profile, sandbox: resolve(layer, profile) };
}

/** Refuse what the project gives itself and nobody trusts. */
async function judge(io: Io, project: ProjectPart, resolve: TrustQuestion['resolve']): Promise<void> {
  if (!(await isTrusted(io, project.file))) requireTrust({ project, resolve });
}

/** The workspace without links, which is what may be mounted. */
async function requireWorkspace(path: string): Promise<string> {
  // What is not there is reported below, by the path that was given.
  const real = await realpath(path).catch(() => path);
  const fault = await inspectWorkspace(real);
  if (!fault) return real;
  throw new Problem({ code: 'session.workspace', message: fault.message, hint: fault.hint });
}
