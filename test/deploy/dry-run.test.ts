import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const root = join(import.meta.dirname, '../..');
let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'coi-dry-'));
  chmodSync(directory, 0o755);
});
afterEach(() => rmSync(directory, { recursive: true }));

/** A machine: what it says it is, the packages that it has, and the storage pools of its Incus, if that answers. */
interface Machine {
  readonly release?: string;
  readonly installed?: string;
  readonly pools?: string;
}

/** Runs functions of quickstart's parts dry, on a machine that only this shell sees. */
function dryRun(words: string, { release = 'ID=debian\nVERSION_ID="13"\n', installed = '', pools }: Machine = {}) {
  const osRelease = join(directory, 'os-release');
  writeFileSync(osRelease, release);
  const script = `
    set -eu
    mount --bind ${osRelease} "$(readlink -f /etc/os-release)"
    repo=${root} state_dir=${directory}/state run_dir=${directory}/run dry_run=yes changes=0 log=${directory}/log
    source_dir=${root}/desired-state
    for part in report ledger apt-sources packages incus storage; do . "$repo/deploy/lib/$part"; done
    settings_file=${directory}/config.toml
    is_installed() { case ' ${installed} ' in *" $1 "*) ;; *) return 1 ;; esac; }
    command() { case "$2" in incus | mmdebstrap | debootstrap | mksquashfs | xz) return 1 ;; esac; }
    incus_answers() { ${pools === undefined ? 'false' : 'true'}; }
    incus() { printf '%s\\n' '${pools ?? ''}'; }
    has_image_alias() { ${installed === '' ? 'false' : 'true'}; }
    ${words}`;
  const { status, stdout, stderr } = spawnSync('unshare', ['--mount', 'sh', '-c', script], { encoding: 'utf8' });
  return { code: status, stdout, stderr };
}

describe('quickstart that only says what it would do', () => {
  it.each([
    { release: 'ID=debian\nVERSION_ID="12"\n' },
    { release: 'ID=debian\nVERSION_ID="13"\n' },
    { release: 'ID=ubuntu\nVERSION_ID="24.04"\n' },
  ])('knows the distribution $release', (machine) => {
    expect(dryRun('check_distribution', machine)).toEqual({ code: 0, stdout: '', stderr: '' });
  });

  it.each([
    { release: 'ID=fedora\nVERSION_ID=43\n', name: 'fedora 43' },
    { release: 'ID=debian\nVERSION_ID="11"\n', name: 'debian 11' },
    { release: '', name: '? ?' },
  ])('refuses $name, and says how it is done by hand', ({ release, name }) => {
    const { code, stdout, stderr } = dryRun('check_distribution; echo on', { release });
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toContain(`this is ${name}; supported are Debian 12, Debian 13 and Ubuntu 24.04\n`);
    expect(stderr).toContain('install Incus 6.0 or newer');
  });

  it('names the packages that are missing, Incus among them, and that Incus is to be started', () => {
    const { code, stdout } = dryRun('check_distribution; install_packages; start_incus');
    expect(code).toBe(0);
    expect(stdout).toMatch(
      /^would install the packages: nftables .* incus-base incus-client .*\nwould start the Incus daemon\n$/,
    );
    const base = 'nftables dnsmasq-base btrfs-progs iproute2 procps ca-certificates tmux util-linux bpftrace';
    const some = dryRun('check_distribution; install_packages', { installed: base });
    expect(some.stdout).toBe('would install the packages: incus-base incus-client\n');
  });

  it.each([
    { pools: 'local,dir\ntank,zfs', says: /^would use the storage pool "tank" \(in .*config\.toml\)\n$/ },
    { pools: 'coi,btrfs', says: /^$/ },
    { pools: 'local,dir', says: /^would make the (?:btrfs )?storage pool "coi" / },
  ])('takes a storage pool that can clone, or makes one: $pools', ({ pools, says }) => {
    expect(dryRun('make_storage_pool', { pools }).stdout).toMatch(says);
  });

  it('does nothing', () => {
    dryRun('check_distribution; install_packages; start_incus; make_storage_pool', { pools: 'tank,zfs' });
    expect(readdirSync(directory)).toEqual(['os-release']);
  });

  it('is for root, and says so', () => {
    const { status, stderr } = spawnSync(join(root, 'deploy/quickstart'), ['--dry-run'], {
      encoding: 'utf8',
      uid: 65_534,
      gid: 65_534,
    });
    expect(status).toBe(1);
    expect(stderr).toMatch(/^quickstart: this needs root\n {2}Run: sudo .*deploy\/quickstart\n$/);
  });
});
