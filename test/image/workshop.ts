import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readRegistries } from '../../src/host/registries/read-registries.ts';
import type { ImageName } from '../lab/image-cache.ts';
import type { RunResult } from '../lab/inside.ts';
import { openDesk, type Desk } from '../session/desk.ts';

/** What is in the folder of a definition, by path; what begins with `#!` is a program. */
export type Folder = Readonly<Record<string, string>>;

/** An image as Incus has it. */
export interface IncusImage {
  readonly fingerprint: string;
  readonly aliases: readonly { readonly name: string }[];
  readonly properties: Readonly<Record<string, string>>;
}

/** What `coi build --format json` prints. */
export interface BuildReport {
  readonly alias: string;
  readonly version_alias?: string;
  readonly fingerprint: string;
  readonly skipped: boolean;
  readonly stages: readonly { readonly name: string; readonly cached: boolean; readonly seconds: number }[];
}

/** Answers what all hosts of packages are asked for, at an address that everybody knows. */
export const publicServer = '8.8.8.8';

/** Definitions of a lab's own, where `coi build NAME` finds them. */
export class Workshop implements AsyncDisposable {
  readonly desk: Desk;

  constructor(desk: Desk) {
    this.desk = desk;
  }

  static async open(name: string, images?: readonly ImageName[]): Promise<Workshop> {
    const desk = await openDesk(name, images);
    try {
      await servePublicly(desk);
      return new Workshop(desk);
    } catch (error) {
      await desk[Symbol.asyncDispose]();
      throw error;
    }
  }

  folder(name: string): string {
    return join(this.desk.lab.dir, 'etc/images', name);
  }

  /** Saves files of a definition; others of it stay. */
  async define(name: string, files: Folder): Promise<void> {
    await writeFolder(this.folder(name), files);
  }

  build(...args: string[]): Promise<RunResult> {
    return this.desk.coi('/', ['build', ...args]);
  }

  /** Builds, and gives what was printed as JSON. @throws when it failed */
  async built(...args: string[]): Promise<BuildReport> {
    const { stdout, stderr, exitCode } = await this.build(...args, '--format', 'json');
    if (exitCode !== 0) throw new Error(stderr);
    return JSON.parse(stdout) as BuildReport;
  }

  /** Images with an alias that begins so. */
  async images(prefix: string): Promise<IncusImage[]> {
    const all = JSON.parse(await this.desk.lab.incus('query', '/1.0/images?recursion=1')) as IncusImage[];
    return all.filter(({ aliases }) => aliases.some(({ name }) => name.startsWith(prefix)));
  }

  /** What a script prints in a new sandbox from an image. */
  async inside(image: string, script: string): Promise<string> {
    const here = await this.desk.workspace('inside');
    const ran = await this.desk.coi(here, ['run', '--image', image, '--', 'sh', '-c', script]);
    if (ran.exitCode !== 0) throw new Error(ran.stderr);
    return ran.stdout;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.desk[Symbol.asyncDispose]();
  }
}

export async function writeFolder(folder: string, files: Folder): Promise<void> {
  for (const [path, text] of Object.entries(files)) {
    const file = join(folder, path);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, text);
    if (text.startsWith('#!')) await chmod(file, 0o755);
  }
}

/** An `image.toml` with these steps in order: their scripts are called like them. */
export function imageToml(base: string, steps: readonly string[], more = ''): string {
  const tables = steps.map((name) => `[[step]]\nname = "${name}"\nscript = "steps/${name}"\n`);
  return `description = "of a test"\nbase = ${base}\n${more}\n${tables.join('\n')}`;
}

/** A script that has containers of the small image ask this server for names, whatever DHCP says. */
export function askingScript(server: string): string {
  return `#!/bin/sh\nsed -i 's/^ *for server in.*/echo "nameserver ${server}" >\\/etc\\/resolv.conf/' /etc/udhcpc/default.script\n`;
}

async function servePublicly({ lab }: Desk): Promise<void> {
  const internet = await lab.neighbour('internet');
  await internet.addAddress(publicServer);
  const script = fileURLToPath(new URL('../lab/name-server-process.ts', import.meta.url));
  const server = internet.spawn([process.execPath, script, publicServer], { env: { NODE_OPTIONS: '' } });
  const { entries } = await readRegistries({ env: process.env, home: '/root', signal: AbortSignal.timeout(60_000) });
  const zone = Object.fromEntries(
    entries.map((entry) => [entry.replace(/:\d+$/, ''), [{ type: 'A', data: internet.ipv4 }]]),
  );
  server.write(`${JSON.stringify({ number: 1, manners: { zone } })}\n`);
  await server.printed(/^done 1$/m);
}
