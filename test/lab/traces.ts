import { readdir, readFile, readlink } from 'node:fs/promises';
import { networkInterfaces, uptime } from 'node:os';
import { execa } from 'execa';
import type { Lab } from './lab.ts';

/** What tells a lab's things from everybody else's, taken while it lives. */
export interface LabMark {
  readonly dir: string;
  /** Network and mount namespace as /proc/PID/ns shows them. */
  readonly namespaces: readonly string[];
  /** Control groups of its containers. */
  readonly cgroups: readonly string[];
  /** When it was taken, in seconds since the machine started. */
  readonly taken: number;
}

/** Takes the mark of a lab. */
export async function markOf(lab: Lab): Promise<LabMark> {
  const taken = uptime();
  const namespaces = await Promise.all(['net', 'mnt'].map((kind) => readlink(`/proc/${lab.inside.pid}/ns/${kind}`)));
  const monitors = (await processes()).filter(({ args }) => args.includes(`[lxc monitor] ${lab.dir}`));
  const groups = monitors.map(({ pid }) => readFile(`/proc/${pid}/cgroup`, 'utf8'));
  const names = (await Promise.all(groups)).flatMap((text) => [...text.matchAll(/lxc\.monitor\.([^/\n]+)/g)]);
  const cgroups = [...new Set(names.map(([, name]) => name ?? ''))].flatMap((name) => [
    `lxc.monitor.${name}`,
    `lxc.payload.${name}`,
  ]);
  return { dir: lab.dir, namespaces, cgroups, taken };
}

/** Everything on the machine that belongs to the lab of this mark, one line each; empty once it is gone. */
export async function tracesOf({ dir, namespaces, cgroups, taken }: LabMark): Promise<string[]> {
  const inodes = namespaces.map((name) => name.replaceAll(/\D/g, ''));
  // Namespaces that are gone give their numbers to new ones, those of labs beside this one: what
  // began after the mark was taken is not this lab's.
  const isOwn = async ({ pid, args, mount, net }: ProcessLine) =>
    args.includes(dir) || ((inodes.includes(mount) || inodes.includes(net)) && (await beganAt(pid)) <= taken);
  const all = await processes();
  const isRunning = await Promise.all(all.map(isOwn));
  const running = all.filter((_, index) => isRunning[index]);
  const mounts = (await readFile('/proc/mounts', 'utf8')).split('\n').filter((line) => line.includes(dir));
  const { stdout: loops } = await execa('losetup', ['--list', '--noheadings', '--output', 'BACK-FILE']);
  const folders = (await readdir('/var/tmp')).filter((name) => dir.endsWith(`/${name}`));
  const { stdout: groups } = await execa('find', [
    '/sys/fs/cgroup',
    '-ignore_readdir_race',
    '-maxdepth',
    '3',
    '-name',
    'lxc.*',
  ]);
  return [
    ...running.map(({ pid, args }) => `process ${pid} ${args}`),
    ...mounts.map((line) => `mount ${line}`),
    ...loops
      .split('\n')
      .filter((line) => line.includes(dir))
      .map((line) => `loop device of ${line}`),
    ...folders.map((name) => `directory ${name}`),
    ...groups
      .split('\n')
      .filter((path) => cgroups.some((name) => path.endsWith(`/${name}`)))
      .map((path) => `control group ${path}`),
    ...Object.keys(networkInterfaces())
      .filter((name) => /^(coi|lab-)/.test(name))
      .map((name) => `link ${name}`),
  ];
}

interface ProcessLine {
  readonly pid: string;
  readonly mount: string;
  readonly net: string;
  readonly args: string;
}

async function processes(): Promise<ProcessLine[]> {
  const { stdout } = await execa('ps', ['-e', '-w', '-w', '-o', 'pid=,mntns=,netns=,stat=,args=']);
  return stdout.split('\n').flatMap((line) => {
    const [, pid = '', mount = '', net = '', stat = '', args = ''] =
      /^\s*(\d+)\s+(\S+)\s+(\S+)\s+(\S+)\s+(.*)$/.exec(line) ?? [];
    // A zombie holds nothing and waits only for its parent to look.
    return stat.startsWith('Z') ? [] : [{ pid, mount, net, args }];
  });
}

/** A hundredth of a second, whatever the kernel's own clock. See sysconf(3), `_SC_CLK_TCK`. */
const ticksPerSecond = 100;

/** When a process began, in seconds since the machine started; later than everything where it has ended. */
async function beganAt(pid: string): Promise<number> {
  // It has ended since it was listed.
  const stat = await readFile(`/proc/${pid}/stat`, 'latin1').catch(() => '');
  // The name, in brackets, may hold anything. See proc_pid_stat(5): the start is field 22.
  const ticks = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  return ticks === undefined ? Infinity : Number(ticks) / ticksPerSecond;
}
