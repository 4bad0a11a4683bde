import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startController, type LabController } from '../lab/controller.ts';
import type { RunResult } from '../lab/inside.ts';
import { openLab, type Lab } from '../lab/lab.ts';

let lab: Lab;
let controller: LabController;
let workspace: string;

beforeAll(async () => {
  lab = await openLab({ name: 'nesting', images: ['system', 'busybox'] });
  controller = await startController(lab);
  workspace = join(lab.dir, 'work');
  await mkdir(workspace);
  const keys = ['image = "system"', `workspace = "${workspace}"`];
  await controller.declare('nests', ...keys);
  await controller.declare('shut', ...keys, 'security.docker = false');
  await controller.ready('nests', 'running');
  await controller.ready('shut', 'running');
});
afterAll(async () => {
  await controller?.[Symbol.asyncDispose]();
  await lab?.[Symbol.asyncDispose]();
});

function asRoot(name: string, script: string): Promise<RunResult> {
  return lab.run(['incus', 'exec', `coi-${name}`, '--', 'sh', '-c', script], { timeoutMs: 120_000 });
}

const keysOfDocker = {
  'security.nesting': 'true',
  'security.syscalls.intercept.mknod': 'true',
  'security.syscalls.intercept.setxattr': 'true',
  'linux.sysctl.net.ipv4.ip_unprivileged_port_start': '0',
};

/**
 * Without a capability that a machine for tests may lack itself: Incus makes nodes and sets attributes with those of who asks,
 * and refuses where it has not got them all. See capset(2).
 */
const lesser = 'setpriv --bounding-set -sys_resource';

/** What Incus makes for a container: nodes with no hardware behind them. */
const harmlessNodes = ['c 0 0', 'c 1 3', 'c 1 5', 'c 1 7', 'c 1 8', 'c 1 9', 'c 5 0', 'c 5 1', 'c 5 2'];

/** Kernel settings that a container with a proc of the host's own could run programs by, or stop the host with. */
const hostSettings = ['kernel/core_pattern', 'kernel/modprobe', 'kernel/panic', 'vm/overcommit_memory', 'kernel/sysrq'];

describe('containers inside of a sandbox', () => {
  it('have what Docker needs from the first start on', async () => {
    const { config } = await controller.instance('coi-nests');
    expect(config).toMatchObject(keysOfDocker);
    const low = "perl -MIO::Socket::INET -e 'IO::Socket::INET->new(Listen => 1, LocalPort => 80) or die $!'";
    const bind = (name: string) => lab.run(['incus', 'exec', `coi-${name}`, '--user', '1000', '--', 'sh', '-c', low]);
    expect(await bind('nests')).toMatchObject({ exitCode: 0 });
    expect((await bind('shut')).stderr).toContain('Permission denied');
    const makeNull = `${lesser} mknod /tmp/null c 1 3 && echo x >/tmp/null && test -c /tmp/null`;
    expect(await asRoot('nests', makeNull)).toMatchObject({ exitCode: 0 });
  });

  it('have none of it where the manifest lets none run', async () => {
    const { config } = await controller.instance('coi-shut');
    for (const key of Object.keys(keysOfDocker)) expect(config).not.toHaveProperty([key]);
    expect(await asRoot('shut', 'mknod /tmp/null c 1 3')).toMatchObject({ exitCode: 1 });
  });

  it('keep their keys against changes by hand', async () => {
    await lab.incus('config', 'unset', 'coi-nests', 'security.nesting');
    await lab.incus('config', 'set', 'coi-shut', 'security.nesting=true');
    const key = async (name: string) => (await controller.instance(name)).config['security.nesting'];
    await expect.poll(() => key('coi-nests'), { timeout: 20_000 }).toBe('true');
    await expect.poll(() => key('coi-shut'), { timeout: 20_000 }).toBeUndefined();
    await controller.ready('nests', 'running');
  });
});

describe('what nesting gives root inside to attack with', () => {
  const makeNodes = String.raw`
      nodes=$(for dir in block char; do for each in /sys/dev/$dir/*; do
        number=$(basename "$each"); echo "$dir $number" | sed 's/^\(.\)[a-z]* \([0-9]*\):/\1 \2 /'; done; done
        for major in $(seq 0 12); do for minor in $(seq 0 12); do echo "c $major $minor"; done; done
        for major in 7 8 9 11 253 254 259; do for minor in 0 1 2; do echo "b $major $minor"; done; done
        echo c 10 200; echo c 10 229; echo c 10 232; echo c 10 237; echo c 229 0)
      echo "$nodes" | sort -u | while read -r kind major minor; do
        rm -f node; mknod node $kind $major $minor 2>/dev/null && echo "$kind $major $minor"; done; rm -f node; echo tried`;
  it.each<[where: string, attempt: (body: string) => string, made: readonly string[]]>([
    ['in its root', (body) => `cd /root; ${body}`, ['c 1 3']],
    ['in a directory of the host', (body) => `cd /workspace; ${body}`, []],
    [
      'in namespaces of its own',
      (body) => `cd /root; unshare -Urmpf ${lesser} sh -c "$(cat <<'END'\n${body}\nEND\n)"`,
      [],
    ],
    [
      'in a file system of its own',
      (body) =>
        `mkdir -p /tmp/t; unshare -Urm sh -c "$(cat <<'END'\nmount -t tmpfs tmpfs /tmp/t; cd /tmp/t; ${body}\nEND\n)"`,
      [],
    ],
  ])('makes no node of the host’s hardware %s', async (_, attempt, some) => {
    const inside = `${lesser} sh -c "$(cat <<'WHOLE'\n${attempt(makeNodes)}\nWHOLE\n)"`;
    const made = (await asRoot('nests', inside)).stdout.trim().split('\n');
    expect(made).toEqual(expect.arrayContaining([...some, 'tried']));
    expect(made.filter((each) => !harmlessNodes.includes(each))).toEqual(['tried']);
  });

  it('changes no setting of the host’s kernel through the proc and sys that containers inside have', async () => {
    const read = `cd /proc/sys; for each in ${hostSettings.join(' ')}; do [ ! -e $each ] || grep -H '' $each; done`;
    const before = await lab.inside.output(['sh', '-c', read]);
    expect(before).toContain('core_pattern');
    const settings = hostSettings.map((each) => `$at/sys/${each}`).join(' ');
    const dangerous = 'kernel/uevent_helper power/state power/disk devices/system/cpu/cpu1/online kernel/profiling';
    // What would end the machine is only opened, and written nothing to.
    const attack = `
      try() { for each in "$@"; do (echo "|/tmp/x" >$each && echo "wrote $each"; echo 7 >$each && echo "wrote $each"); done; }
      open() { for each in "$@"; do (: >>$each) && echo "opened $each"; done; }
      for at in /proc /dev/.lxc/proc /tmp/p; do try ${settings}; open $at/sysrq-trigger; done
      for at in /sys /dev/.lxc/sys /tmp/s; do for each in ${dangerous}; do open $at/$each; done; done; echo tried`;
    const mounts = 'mkdir -p /tmp/p /tmp/s; mount -t proc proc /tmp/p; mount -t sysfs sysfs /tmp/s;';
    const inNamespaces = `unshare -Urmpf --mount-proc sh -c "$(cat <<'END'\n${mounts}${attack}\nEND\n)"`;
    for (const script of [`${mounts}${attack}; umount /tmp/p /tmp/s`, inNamespaces]) {
      expect((await asRoot('nests', `(${script}) 2>/dev/null`)).stdout.trim()).toBe('tried');
    }
    expect(await lab.inside.output(['sh', '-c', read])).toBe(before);
  });

  it('mounts no file system that is on a device, and no debugging of the kernel’s', async () => {
    const kinds = ['debugfs', 'tracefs', 'bpf', 'configfs', 'securityfs', 'efivarfs', 'btrfs', 'ext4', 'xfs', 'vfat'];
    const script = `mkdir -p /tmp/m; for kind in ${kinds.join(' ')}; do for from in none /dev/vda /dev/loop0; do
      mount -t $kind $from /tmp/m 2>/dev/null && { echo "$kind $from"; ls /tmp/m; umount /tmp/m; }; done; done; echo tried`;
    for (const each of [script, `unshare -Urm sh -c '${script}'`]) {
      expect((await asRoot('nests', each)).stdout.replace(/^bpf none\n/m, '').trim()).toBe('tried');
    }
  });

  it('sees nothing of another sandbox, nor of the host', async () => {
    const { stdout } = await asRoot(
      'nests',
      `unshare -Urmpf --mount-proc sh -c 'ls /proc | grep -c "^[0-9]"'; ls -d /proc/[0-9]* | wc -l; ls /dev/.lxc/proc | grep -c '^[0-9]'`,
    );
    const counts = stdout.trim().split('\n').map(Number);
    const host = Number(await lab.inside.output(['sh', '-c', 'ls -d /proc/[0-9]* | wc -l']));
    expect(counts).toHaveLength(3);
    for (const count of counts) expect(count).toBeLessThan(host / 2);
  });
});
