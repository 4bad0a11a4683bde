import type { PathPattern } from '../../../host/bpftrace/path-pattern.ts';

/*
 * Paths whose opening is an event. Rules decide what it means; here only what ordinary work does all the time is left out.
 * What is in a home is looked for in those that our images have; what stands in a project is asked for by its writers alone,
 * because editors, git and package managers read these files with every step.
 */

const homes = ['/root/', '/home/code/'];

/** Below a home: keys, tokens and the configuration that holds them. */
const secrets = [
  '.ssh/',
  '.aws/',
  '.azure/',
  '.config/gcloud/',
  '.config/gh/',
  '.config/rclone/',
  '.kube/',
  '.docker/config.json',
  '.gnupg/',
  '.netrc',
  '.pgpass',
  '.my.cnf',
  '.npmrc',
  '.pypirc',
  '.cargo/credentials',
  '.git-credentials',
  '.vault-token',
  '.terraform.d/',
  '.claude/.credentials.json',
  '.codex/auth.json',
  '.gemini/oauth_creds.json',
  '.local/share/opencode/auth.json',
  '.bash_history',
  '.zsh_history',
];

/** Below a home: what runs with the next shell or login. */
const startup = [
  '.bashrc',
  '.bash_profile',
  '.profile',
  '.zshrc',
  '.zshenv',
  '.config/fish/config.fish',
  '.config/autostart/',
  '.config/systemd/user/',
  '.claude/settings.json',
  '.claude/hooks/',
];

/** In a project: what runs on the host or with others as soon as they work on it. */
const project = [
  '.git/hooks/',
  '.git/config',
  '.gitmodules',
  '.husky/',
  '.vscode/',
  '.idea/',
  '.envrc',
  '.devcontainer/',
  '.github/workflows/',
  '.gitlab-ci.yml',
  '.pre-commit-config.yaml',
  '.mcp.json',
  '.claude/',
  '.cursor/',
];

/** Names in the directory where a process stands, after a `cd` into the one above. */
const bareSecrets = ['id_rsa', 'id_ed25519', 'id_ecdsa', 'authorized_keys', 'shadow', 'gshadow', '.credentials.json'];

export const watchedPaths: readonly PathPattern[] = [
  ...['/etc/shadow', '/etc/gshadow', '/etc/sudoers', '/etc/ssh/ssh_host_'].map(whenever),
  ...['/etc/cron', '/etc/crontab', '/var/spool/cron/', '/etc/ld.so.preload', '/etc/profile'].map(written),
  ...['/etc/systemd/system/', '/etc/init.d/', '/etc/rc.local', '/etc/passwd', '/etc/pam.d/'].map(written),
  ...['/proc/1/root', '/proc/1/environ', '/proc/1/mem', '/proc/1/cwd', '/proc/1/fd/'].map(whenever),
  ...['/proc/*/environ', '/proc/*/mem'].map(whenever),
  ...['/proc/kcore', '/proc/kmem', '/proc/kallsyms', '/proc/sysrq-trigger', '/proc/bus/'].map(whenever),
  ...['/proc/sys/kernel/core_pattern', '/proc/sys/kernel/modprobe', '/proc/sys/fs/binfmt_misc/'].map(written),
  ...['/sys/fs/cgroup/*release_agent', '/sys/kernel/', '/sys/firmware/', '/sys/power/'].map(written),
  ...['/dev/mem', '/dev/kmem', '/dev/kmsg', '/dev/port', '/dev/sd', '/dev/nvme', '/dev/vd'].map(whenever),
  ...['/var/run/docker.sock', '/var/lib/incus/', '/dev/incus/'].map(whenever),
  ...homes.flatMap((home) => secrets.map((name) => whenever(home + name))),
  ...homes.flatMap((home) => startup.map((name) => written(home + name))),
  ...project.flatMap((name) => [written(`/workspace/${name}`), written(name)]),
  ...bareSecrets.map(whenever),
  ...['.ssh/', '.aws/', '.kube/'].map(whenever),
  ...['release_agent', 'core_pattern'].map(written),
];

function whenever(path: string): PathPattern {
  return { path, on: 'any' };
}

function written(path: string): PathPattern {
  return { path, on: 'write' };
}
