import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { packageFolder } from '../base/own-files.ts';
import { Problem } from '../base/problem.ts';
import type { Incus } from '../host/incus/client.ts';

const program = join(packageFolder, 'images/build-rootfs');

/** Large, and on a disk, where /tmp may be neither. */
const scratchDir = '/var/tmp';

/** What making a root file system needs. */
interface BootstrapTools {
  readonly incus: Pick<Incus, 'images' | 'operations'>;
  readonly signal: AbortSignal;
  /** Is told what is printed. */
  readonly output: (chunk: Uint8Array) => Promise<void>;
}

/** Hash of all that a root file system is made from. @throws {Problem} `image.bootstrap` */
export async function bootstrapRecipe(signal: AbortSignal): Promise<string> {
  const { exitCode, stdout, stderr } = await execa(program, ['--hash'], { reject: false, cancelSignal: signal });
  signal.throwIfAborted();
  if (exitCode === 0) return stdout.trim();
  throw failed(stderr);
}

/** Make an image from the distribution's packages, without an alias. @returns its fingerprint @throws {Problem} `image.bootstrap` */
export async function bootstrap({ incus, signal, output }: BootstrapTools): Promise<string> {
  if (process.getuid?.() !== 0) {
    throw new Problem({ code: 'image.bootstrap', message: 'making a root file system needs root', hint: 'Use sudo.' });
  }
  const dir = await mkdtemp(join(scratchDir, 'coi-rootfs-'));
  try {
    await make(dir, { signal, output });
    const files = { metadata: join(dir, 'metadata.tar.xz'), rootfs: join(dir, 'rootfs.squashfs') };
    const { fingerprint } = await incus.operations.finish(await incus.images.import(files, { signal }), { signal });
    return String(fingerprint);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

async function make(dir: string, { signal, output }: Pick<BootstrapTools, 'signal' | 'output'>): Promise<void> {
  const running = execa(program, [dir], {
    reject: false,
    stdin: 'ignore',
    all: true,
    cancelSignal: signal,
    forceKillAfterDelay: 30_000,
  });
  let printed = '';
  for await (const line of running.iterable({ from: 'all' })) {
    printed = line;
    await output(Buffer.from(`${printed}\n`));
  }
  const { exitCode, stderr } = await running;
  signal.throwIfAborted();
  if (exitCode !== 0) throw failed(stderr || printed);
}

function failed(said: string): Problem {
  const lines = said
    .trim()
    .split('\n')
    .filter((line) => line !== '');
  return new Problem({
    code: 'image.bootstrap',
    message: `no root file system could be made: ${lines.findLast((line) => line.startsWith('build-rootfs:')) ?? lines.at(-1) ?? 'it said nothing'}`,
  });
}
