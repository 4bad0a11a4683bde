import { join } from 'node:path';
import { execa } from 'execa';
import type { Clock } from '../base/clock.ts';
import { packageFolder } from '../base/own-files.ts';
import { Problem } from '../base/problem.ts';
import { Turns } from '../base/turns.ts';
import type { Incus } from '../host/incus/client.ts';
import { runGroup } from '../host/process/run-group.ts';
import { openScratch } from './scratch.ts';

const program = join(packageFolder, 'images/build-rootfs');
const saysWhy = 'build-rootfs: ';

/** Last lines that are kept for the reason of a failure. */
const keptLines = 40;

/** How long it has to end when it is called off, in milliseconds: less than whoever calls `coi build` off waits. */
const graceMs = 5_000;

/** What making a root file system needs. */
interface BootstrapTools {
  readonly incus: Pick<Incus, 'images' | 'operations'>;
  readonly clock: Clock;
  readonly env: NodeJS.ProcessEnv;
  readonly signal: AbortSignal;
  /** Is told what is printed. */
  readonly output: (chunk: Uint8Array) => Promise<void>;
}

/** Hash of all that a root file system is made from. @throws {Problem} `image.bootstrap` */
export async function bootstrapRecipe(signal: AbortSignal): Promise<string> {
  const { exitCode, stdout, stderr } = await execa(program, ['--hash'], { reject: false, cancelSignal: signal });
  signal.throwIfAborted();
  if (exitCode === 0) return stdout.trim();
  throw failed(stderr.split('\n'));
}

/** Make an image from the distribution's packages, without an alias. @returns its fingerprint @throws {Problem} `image.bootstrap` */
export async function bootstrap(tools: BootstrapTools): Promise<string> {
  const { incus, clock, signal } = tools;
  if (process.getuid?.() !== 0) {
    throw new Problem({ code: 'image.bootstrap', message: 'making a root file system needs root', hint: 'Use sudo.' });
  }
  await using scratch = await openScratch(clock.now());
  const { dir } = scratch;
  await make(dir, tools);
  const files = { metadata: join(dir, 'metadata.tar.xz'), rootfs: join(dir, 'rootfs.squashfs') };
  const { fingerprint } = await incus.operations.finish(await incus.images.import(files, { signal }), { signal });
  return String(fingerprint);
}

/** What it starts ends with it: nothing may go on in the directory while that is removed. */
async function make(dir: string, { clock, env, signal, output }: BootstrapTools): Promise<void> {
  const said: string[] = [];
  const turns = new Turns();
  let written: Promise<void> | undefined;
  const onLine = (line: string) => {
    said.push(line);
    if (said.length > keptLines) said.shift();
    written = turns.take(() => output(Buffer.from(`${line}\n`)));
  };
  const { exitCode } = await runGroup({ argv: [program, dir], env, clock, signal, graceMs, onLine });
  await written;
  if (exitCode !== 0) throw failed(said);
}

/** It ends with `build-rootfs: ` and why, and an indented line on what to do. */
function failed(said: readonly string[]): Problem {
  const lines = said.filter((line) => line.trim() !== '');
  const at = lines.findLastIndex((line) => line.startsWith(saysWhy));
  const [why = 'it said nothing', ...rest] = at < 0 ? lines.slice(-1) : lines.slice(at);
  const hint = rest.map((line) => line.trim()).join(' ');
  return new Problem({
    code: 'image.bootstrap',
    message: `no root file system could be made: ${why.replace(saysWhy, '')}`,
    ...(hint && { hint }),
  });
}
