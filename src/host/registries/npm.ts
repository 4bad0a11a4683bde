import { execa } from 'execa';
import { Problem } from '../../base/problem.ts';

/** What reading a package manager's configuration takes. */
export interface RegistryCall {
  /** Variables that the package manager would see. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Home directory whose configuration is the host's: root's. */
  readonly home: string;
  readonly signal: AbortSignal;
}

/** It answers in a fraction of a second; a version manager's shim that asks the network must not hold up a start. */
const timeoutMs = 10_000;

/**
 * URLs of the registries and proxies that npm is configured to use: its own default, its global and its user file, and
 * environment variables. npm itself is asked, because only it knows where its files are. Nothing where there is no npm.
 * @see npm-config(1), npmrc(5)
 *
 * @throws {Problem} `registries.npm` when npm does not answer
 */
export async function npmUrls({ env, home, signal }: RegistryCall): Promise<string[]> {
  const result = await execa('npm', ['config', 'ls', '--long'], {
    // Not the configuration of whatever project coi was called in.
    cwd: '/',
    env: { ...env, HOME: home, npm_config_update_notifier: 'false', npm_config_logs_max: '0' },
    extendEnv: false,
    reject: false,
    stdin: 'ignore',
    timeout: timeoutMs,
    cancelSignal: signal,
  });
  signal.throwIfAborted();
  if (result.code === 'ENOENT') return [];
  if (result.exitCode !== 0) throw failed(result.timedOut ? 'it did not end' : result.stderr.trim().split('\n')[0]!);
  const urls = urlsIn(result.stdout);
  // It always has a registry of its own.
  if (urls.length === 0) throw failed('it names no registry');
  return urls;
}

/**
 * `registry`, `@SCOPE:registry`, and the proxies. What another layer overrides is behind a semicolon. Its JSON form leaves
 * out every URL with a password, this one only the password.
 */
function urlsIn(listing: string): string[] {
  const lines = listing.matchAll(/^(?:(?:@[^:\s]+:)?registry|(?:https-)?proxy) = "(.*)"/gm);
  return [...lines].map(([, url]) => url!);
}

function failed(why: string): Problem {
  return new Problem({
    code: 'registries.npm',
    message: `Cannot read npm's configuration: ${why}`,
    hint: 'Its registries are left out where a manifest names no allowed_domains. Try: npm config ls --long',
  });
}
