import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { findDefinition } from '../../../src/image/find-definition.ts';
import { readDefinition } from '../../../src/image/read-definition.ts';
import type { LabController } from '../../lab/controller.ts';
import type { RunResult } from '../../lab/inside.ts';
import type { Errand } from './errands.ts';
import { registryClients } from './registries.ts';

/** Longest errand in milliseconds: packages come from a registry. */
const patienceMs = 900_000;

/** A sandbox that somebody works in, told of this machine's package registries. */
export class Worker {
  readonly name: string;
  readonly #controller: LabController;
  readonly #env: Readonly<Record<string, string>>;

  private constructor(controller: LabController, name: string, env: Readonly<Record<string, string>>) {
    this.#controller = controller;
    this.name = name;
    this.#env = env;
  }

  /** Declares it with a workspace and waits until it runs. @param env what its programs are told beside */
  static async open(
    controller: LabController,
    { name, keys, env }: { name: string; keys: readonly string[]; env: Readonly<Record<string, string>> },
  ): Promise<Worker> {
    const workspace = join(controller.lab.dir, `work-${name}`);
    await mkdir(workspace);
    await execa('git', ['init', '--quiet', workspace]);
    await execa('chown', ['--recursive', '1000:1000', workspace]);
    await controller.declare(name, `workspace = "${workspace}"`, ...keys);
    await controller.ready(name, 'running');
    const told = await registryClients(controller.lab, `coi-${name}`);
    const { versions } = await readDefinition(await findDefinition('coi', { etc: '/nonexistent', cwd: '/' }));
    return new Worker(controller, name, { ...env, ...told, NPM_VERSION: versions['npm'] ?? 'latest' });
  }

  /** Does a piece of work as `code`. @throws when it does not end with 0; the message holds what it printed */
  async does({ name, script }: Errand): Promise<string> {
    const { stdout, stderr, exitCode } = await this.#run(script);
    if (exitCode !== 0) throw new Error(`${name} ended with ${exitCode}\n${stdout}\n${stderr}`);
    return stdout;
  }

  #run(script: string): Promise<RunResult> {
    const env = {
      HOME: '/home/code',
      PATH: '/home/code/.local/bin:/usr/local/bin:/usr/bin:/usr/sbin:/bin',
      ...this.#env,
    };
    const given = Object.entries(env).flatMap(([key, value]) => ['--env', `${key}=${value}`]);
    const as = ['--user', '1000', '--group', '1000', '--cwd', '/workspace'];
    const argv = ['incus', 'exec', `coi-${this.name}`, ...as, ...given, '--', 'bash', '-euc', script];
    return this.#controller.lab.run(argv, { timeoutMs: patienceMs });
  }
}
