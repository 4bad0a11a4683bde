import { runAs, type RunOptions } from './as-user.ts';

/**
 * What a configuration could have git run, turned off for every command, although no configuration of a workspace is read. A value on the command line outranks all files, whatever they include. See git-config(1), githooks(5).
 */
const overrides: readonly string[] = [
  'core.hooksPath=/dev/null',
  'core.fsmonitor=false',
  'core.sshCommand=false',
  'core.gitProxy=',
  'core.askPass=',
  'core.pager=cat',
  'core.editor=false',
  'core.attributesFile=/dev/null',
  'credential.helper=',
  'diff.external=',
  'gc.auto=0',
  'maintenance.auto=false',
  'protocol.allow=never',
  'submodule.recurse=false',
];

/** Nothing but this user's own repository has a say, nobody is asked anything, and nothing is fetched. */
const environment: Readonly<Record<string, string>> = {
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_ATTR_NOSYSTEM: '1',
  // Outranks what a configuration says of single protocols.
  GIT_ALLOW_PROTOCOL: 'none',
  GIT_NO_LAZY_FETCH: '1',
  GIT_TERMINAL_PROMPT: '0',
  GIT_OPTIONAL_LOCKS: '0',
  GIT_PAGER: 'cat',
};

/**
 * Runs git in a repository of our own, see clean-repository.ts, on a workspace that may be hostile: no hook, no filter, no program is
 * run, and no network is used.
 *
 * @returns what it printed @throws {Problem} as {@link runAs}
 */
export function runGit(args: readonly string[], { env, ...options }: RunOptions): Promise<string> {
  const settings = overrides.flatMap((each) => ['-c', each]);
  return runAs(['git', '--no-pager', ...settings, ...args], { ...options, env: { ...environment, ...env } });
}
