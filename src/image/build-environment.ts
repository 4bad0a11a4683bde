import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { packageFolder } from '../base/own-files.ts';
import { Problem } from '../base/problem.ts';
import { askProgram, type RegistryCall } from '../host/registries/ask-program.ts';
import { readRegistries } from '../host/registries/read-registries.ts';
import { runScript, type Guest } from './guest.ts';

const aptLibrary = join(packageFolder, 'deploy/lib/apt-sources');

/** Where a host keeps authorities of its own, and all that it trusts. See update-ca-certificates(8). */
const ownAuthorities = '/usr/local/share/ca-certificates';
const allAuthorities = '/etc/ssl/certs/ca-certificates.crt';

/** Where the container finds what it is told while it is built: taken away before it is an image, and in no snapshot. */
const inside = '/run/coi-build';
const authoritiesInside = `${inside}/ca.pem`;
const aptSourcesInside = `${inside}/sources.list`;
const aptConfigInside = `${inside}/apt.conf`;

/** Has apt know these sources alone. See apt.conf(5). */
const aptConfig = `Dir::Etc::sourcelist "${aptSourcesInside}";\nDir::Etc::sourceparts "/dev/null";\n`;

const proxyVariables = ['http_proxy', 'https_proxy', 'no_proxy', 'HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY'];

/** Who is told of what, and what registries are read with. */
export interface EnvironmentTools {
  readonly call: RegistryCall;
  readonly say: (line: string) => void;
}

/**
 * What steps are told of the host: where it gets packages from, by which proxies, and whom it trusts. No part of a recipe: it
 * says where things come from, not what they are. What cannot be found out is told: the container has sources of its own.
 */
export async function buildEnvironment(guest: Guest, { call, say }: EnvironmentTools): Promise<Record<string, string>> {
  const proxies = proxyVariables.flatMap((name) => (call.env[name] ? [[name, call.env[name]] as const] : []));
  const [apt, npm, authorities] = await Promise.all([
    aptSources(guest, say),
    npmRegistry(call),
    putAuthorities(guest, say),
  ]);
  return { ...Object.fromEntries(proxies), ...apt, ...npm, ...authorities };
}

/** A name that the host gets packages from, which has to resolve inside; undefined where none is known. */
export async function registryName(call: RegistryCall): Promise<string | undefined> {
  // What cannot be read is told when an allowlist needs it.
  const { entries } = await readRegistries(call);
  return entries
    .map((entry) => entry.replace(/:\d+$/, ''))
    .find((entry) => /^[a-z0-9.-]*[a-z][a-z0-9.-]*$/i.test(entry));
}

/** Only where both are the same release. */
async function aptSources(guest: Guest, say: EnvironmentTools['say']): Promise<Record<string, string>> {
  const own = codename((await readFile('/etc/os-release', 'utf8').catch(unlessAbsent)) ?? '');
  const theirs = codename((await runScript(guest, 'cat /etc/os-release')).stdout.toString('utf8'));
  if (own === undefined || own !== theirs) return {};
  const script = '. "$1" && apt_sources_for "$2" "$2"';
  const options = { reject: false, stdin: 'ignore', cancelSignal: guest.signal, timeout: 30_000 } as const;
  const { exitCode, stdout, stderr, shortMessage } = await execa('sh', ['-c', script, 'coi', aptLibrary, own], options);
  guest.signal.throwIfAborted();
  if (exitCode !== 0) say(`The apt sources of this host are not used: ${stderr || shortMessage}`);
  if (exitCode !== 0 || stdout === '') return {};
  const files = [
    [aptSourcesInside, `${stdout}\n`],
    [aptConfigInside, aptConfig],
  ] as const;
  for (const [path, content] of files) if (!(await put(guest, say, { path, content, what: 'apt sources' }))) return {};
  return { APT_CONFIG: aptConfigInside };
}

function codename(osRelease: string): string | undefined {
  return /^VERSION_CODENAME="?([a-z]+)"?$/m.exec(osRelease)?.[1];
}

async function npmRegistry({ env, home, signal }: RegistryCall): Promise<Record<string, string>> {
  const failed = (why: string) => new Problem({ code: 'image.npm', message: `npm did not name its registry: ${why}` });
  try {
    const argv = ['npm', 'config', 'get', 'registry'] as const;
    const registry = (await askProgram({ argv, env: { ...env, HOME: home }, signal, failed }))?.trim();
    return registry && URL.canParse(registry) ? { NPM_REGISTRY: registry } : {};
  } catch (error) {
    // The container has a registry of its own then.
    if (error instanceof Problem) return {};
    throw error;
  }
}

/** A host that trusts somebody of its own gets packages from there. */
async function putAuthorities(guest: Guest, say: EnvironmentTools['say']): Promise<Record<string, string>> {
  const own = await readdir(ownAuthorities).catch(unlessAbsent);
  if (!own?.some((name) => name.endsWith('.crt'))) return {};
  const content = await readFile(allAuthorities).catch(unlessAbsent);
  if (!content) return {};
  const isThere = await put(guest, say, { path: authoritiesInside, content, what: 'authorities' });
  return isThere ? { NODE_EXTRA_CA_CERTS: authoritiesInside, CURL_CA_BUNDLE: authoritiesInside } : {};
}

interface Laid {
  readonly path: string;
  readonly content: string | Uint8Array;
  /** What of the host it is. */
  readonly what: string;
}

/** @returns whether it is there */
async function put(guest: Guest, say: EnvironmentTools['say'], { path, content, what }: Laid): Promise<boolean> {
  const script = 'mkdir -p "${1%/*}" && cat >"$1" && chmod 644 "$1"';
  const { exitCode, stderr } = await runScript(guest, script, { args: [path], stdin: content });
  if (exitCode !== 0)
    say(`The ${what} of this host could not be put into the container: ${stderr.toString('utf8').trim()}`);
  return exitCode === 0;
}

/** A host that has no such thing is another one, and no fault. */
function unlessAbsent(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error;
}
