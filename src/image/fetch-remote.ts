import { execa } from 'execa';
import { z } from 'zod';
import { messageOf, Problem } from '../base/problem.ts';
import type { Incus } from '../host/incus/client.ts';

const remotes = z.record(z.string(), z.looseObject({ Addr: z.string(), Protocol: z.string() }));

/** Longest download, in milliseconds. */
const longestMs = 1_800_000;

/** What fetching an image needs. */
export interface FetchTools {
  readonly incus: Pick<Incus, 'images' | 'operations'>;
  readonly env: NodeJS.ProcessEnv;
  readonly signal: AbortSignal;
}

/**
 * Have incusd fetch an image by `REMOTE:ALIAS`. Which server a remote is, only Incus' own client knows.
 *
 * @returns its fingerprint
 * @throws {Problem} `image.remote`, and what Incus says about the server
 */
export async function fetchRemote({ incus, env, signal }: FetchTools, name: string): Promise<string> {
  const [remote = '', alias = ''] = name.split(/:(.*)/s);
  const known = (await readRemotes(env, signal))[remote];
  if (!known) throw unknown(`Incus' client knows no remote "${remote}"`, 'See them with: incus remote list');
  const source = { server: known.Addr, protocol: known.Protocol, alias };
  const { fingerprint } = await incus.operations.finish(await incus.images.pull(source, { signal }), {
    timeoutMs: longestMs,
    signal,
  });
  return String(fingerprint);
}

async function readRemotes(env: NodeJS.ProcessEnv, signal: AbortSignal): Promise<z.infer<typeof remotes>> {
  try {
    const options = { env, extendEnv: false, stdin: 'ignore', timeout: 10_000, cancelSignal: signal } as const;
    const { stdout } = await execa('incus', ['remote', 'list', '--format', 'json'], options);
    return remotes.parse(JSON.parse(stdout));
  } catch (error) {
    signal.throwIfAborted();
    throw unknown(
      `Incus' client did not say which remotes it knows: ${messageOf(error).split('\n')[0]}`,
      'Is it installed?',
    );
  }
}

function unknown(message: string, hint: string): Problem {
  return new Problem({ code: 'image.remote', message, hint });
}
