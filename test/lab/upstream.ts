import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Lab } from './lab.ts';
import type { Manners, Zone } from './name-server.ts';
import type { NeighbourName } from './neighbour.ts';
import type { Running } from './running.ts';

/** A name server on a neighbour, which the lab's resolv.conf names. */
export class Upstream {
  readonly #running: Running;
  #number = 0;
  #zone: Zone = {};

  constructor(running: Running) {
    this.#running = running;
  }

  /** Starts a server and makes it the one that this lab's host asks. Call before the controller starts. */
  static async open(lab: Lab, name: NeighbourName = 'internet'): Promise<Upstream> {
    const neighbour = await lab.neighbour(name);
    const script = fileURLToPath(new URL('name-server-process.ts', import.meta.url));
    const running = neighbour.spawn([process.execPath, script, neighbour.ipv4], { env: { NODE_OPTIONS: '' } });
    const upstream = new Upstream(running);
    await upstream.behave({ zone: {} });
    const file = join(lab.dir, 'resolv.conf');
    await writeFile(file, `nameserver ${neighbour.ipv4}\n`);
    await lab.inside.output(['sh', '-c', 'mount --bind "$0" "$(readlink -f /etc/resolv.conf)"', file]);
    return upstream;
  }

  /** What the names have from now on. */
  zone(zone: Zone): Promise<void> {
    this.#zone = zone;
    return this.behave({ zone });
  }

  /** How it behaves from now on; the zone stays unless another one is given. */
  async behave(manners: Partial<Manners>): Promise<void> {
    this.#number += 1;
    const line = JSON.stringify({ number: this.#number, manners: { zone: this.#zone, ...manners } });
    this.#running.write(`${line}\n`);
    await this.#running.printed(new RegExp(`^done ${this.#number}$`, 'm'));
  }

  /** `TYPE NAME` of every question so far. */
  asked(): string[] {
    return [...this.#running.output.matchAll(/^asked (.*)$/gm)].map(([, question]) => question!);
  }
}
