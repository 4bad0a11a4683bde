import { constants } from 'node:fs';
import { mkdir, open } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import * as z from 'zod';
import { writeFileAtomically } from '../base/atomic-file.ts';
import { messageOf, Problem } from '../base/problem.ts';
import type { Io } from './io.ts';
import type { ProjectFile } from './project-file.ts';
import { etcDirectory } from './settings-files.ts';

const schema = z.object({
  version: z.literal(1),
  files: z.record(z.string(), z.object({ sha256: z.string().regex(/^[0-9a-f]{64}$/), at: z.string() })),
});

/** What somebody trusts, by the path of the file: these bytes of it and no others. */
export type Trusted = Readonly<Record<string, { readonly sha256: string; readonly at: string }>>;

/** Where the caller's trust is kept: beside the settings that may say the same. */
export function trustPath(env: NodeJS.ProcessEnv, isRoot = process.getuid?.() === 0): string {
  if (isRoot) return join(etcDirectory(env), 'trusted.json');
  return join(env['XDG_CONFIG_HOME'] || join(env['HOME'] || homedir(), '.config'), 'coi/trusted.json');
}

/**
 * What the caller trusts; nothing where nothing was ever trusted.
 *
 * @throws {Problem} `trust.store` when somebody else could have written it, or it cannot be understood
 */
export async function readTrusted({ env }: Pick<Io, 'env'>): Promise<Trusted> {
  const path = trustPath(env);
  const text = await readOwn(path);
  if (text === undefined) return {};
  const parsed = schema.safeParse(parseJson(text));
  if (parsed.success) return parsed.data.files;
  throw badStore(path, 'cannot be understood', 'Remove it, and trust again what you trust');
}

/** Whether the caller trusts a project's file just as it is. */
export async function isTrusted(
  io: Pick<Io, 'env'>,
  { file, hash }: Pick<ProjectFile, 'file' | 'hash'>,
): Promise<boolean> {
  const trusted = await readTrusted(io);
  return Object.hasOwn(trusted, file) && trusted[file]!.sha256 === hash;
}

/** Replace what the caller trusts. */
export async function writeTrusted({ env }: Pick<Io, 'env'>, files: Trusted): Promise<void> {
  const path = trustPath(env);
  await mkdir(dirname(path), { recursive: true, mode: 0o755 });
  await writeFileAtomically(path, `${JSON.stringify({ version: 1, files }, undefined, 2)}\n`, 0o600);
}

/** Only where nobody but the caller and root can have written it. */
async function readOwn(path: string): Promise<string | undefined> {
  try {
    await using handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    const stat = await handle.stat();
    const isOwn = stat.uid === 0 || stat.uid === process.getuid?.();
    if (stat.isFile() && isOwn && (stat.mode & 0o022) === 0) return await handle.readFile('utf8');
    throw badStore(path, 'could have been written by somebody else', `Make it yours alone: chmod go-w ${path}`);
  } catch (cause) {
    if (cause instanceof Problem) throw cause;
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw badStore(path, `cannot be read: ${messageOf(cause)}`, 'It must be a file of your own');
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Refused as what cannot be understood.
    return undefined;
  }
}

function badStore(path: string, what: string, hint: string): Problem {
  return new Problem({ code: 'trust.store', message: `What you trust, "${path}", ${what}`, hint });
}
