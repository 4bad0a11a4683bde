import { execa } from 'execa';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { startRunning, type Running } from '../lab/running.ts';

const program = fileURLToPath(new URL('traffic.pl', import.meta.url));
/** Number of the system call sendmmsg(2). */
const sendmmsg = { x64: 307, arm64: 269 }[process.arch as 'x64' | 'arm64'];

/** `tcp`: one flow, as many bytes as go; `udp`: one flow of 64-byte datagrams; `flows`: a new flow for each of them. */
export const loads = ['tcp', 'udp', 'flows'] as const;
export type Load = (typeof loads)[number];

/** Where and where to. Both namespaces by name. */
export interface Path {
  readonly from: string;
  readonly to: string;
  readonly host: string;
  readonly port: number;
}

/** What one burst of traffic came to. */
export interface Burst {
  /** Bytes (tcp) or datagrams that arrived, a second. */
  readonly perSecond: number;
  /** The same a second of the sender's processor, which others on the machine take nothing from. */
  readonly perCpuSecond: number;
}

/** Starts what takes everything and says nothing, on the last processor. */
export async function startSink({ to, port }: Path): Promise<Running> {
  const sink = startRunning(pinned(to, availableParallelism() - 1, 'sink', String(port)));
  await sink.printed(/^ready$/m);
  return sink;
}

/** Sends for a while, on the first processor: what the kernel does to each packet happens there, too. */
export async function burst(load: Load, { from, to, host, port }: Path, ms: number): Promise<Burst> {
  const before = await received(to);
  const [file = '', ...args] = pinned(from, 0, load, host, String(port), String(ms), String(sendmmsg));
  const { stdout } = await execa(file, args);
  const [count = 0, took = 0, cpu = 0] = stdout.split(' ').map(Number);
  const arrived = load === 'tcp' ? count : (await received(to)) - before;
  if (arrived < count / 2) throw new Error(`Of ${count} sent by "${load}" only ${arrived} arrived`);
  return { perSecond: (1_000 * arrived) / took, perCpuSecond: (1_000 * arrived) / cpu };
}

function pinned(namespace: string, processor: number, ...args: readonly string[]): string[] {
  const pin = ['taskset', '--cpu-list', String(processor)];
  return ['nsenter', `--net=/run/netns/${namespace}`, ...pin, 'perl', program, ...args];
}

/** Packets that a namespace's link has received. */
async function received(namespace: string): Promise<number> {
  const { stdout } = await execa('ip', ['-netns', namespace, '-json', '-statistics', 'link', 'show', 'eth0']);
  const [link] = JSON.parse(stdout) as { stats64: { rx: { packets: number } } }[];
  return link!.stats64.rx.packets;
}
