import { Problem } from '../../base/problem.ts';
import { askProgram } from './ask-program.ts';
import type { RegistryCall } from './ask-program.ts';

/**
 * URLs of the registries and proxies that npm is configured to use: its own default, its global and its user file, and
 * environment variables. npm itself is asked, because only it knows where its files are. Nothing where there is no npm.
 * @see npm-config(1), npmrc(5)
 *
 * @throws {Problem} `registries.npm` when npm does not answer
 */
export async function npmUrls({ env, home, signal }: RegistryCall): Promise<string[]> {
  const listing = await askProgram({
    argv: ['npm', 'config', 'ls', '--long'],
    env: { ...env, HOME: home, npm_config_update_notifier: 'false', npm_config_logs_max: '0' },
    signal,
    failed,
  });
  if (listing === undefined) return [];
  const urls = urlsIn(listing);
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
