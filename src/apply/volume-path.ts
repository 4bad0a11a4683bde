import { join } from 'node:path';
import type { Incus } from '../host/incus/client.ts';
import type { Instance } from '../host/incus/instance.ts';

/** Where the files of an instance are. */
export interface VolumePath {
  readonly storagePool: string;
  /** Directory on the host, with the drivers that have one. */
  readonly path: string;
  /** Directory of its snapshots. */
  readonly snapshots: string;
}

/** Where incusd keeps the volume of a container. In other projects than the default one, volumes are named PROJECT_INSTANCE. */
export function volumePath({ home }: Pick<Incus, 'home'>, instance: Instance): VolumePath {
  const root = Object.values(instance.expandedDevices).find((device) => device['path'] === '/');
  const storagePool = root?.['pool'] ?? 'default';
  const volume = instance.project === 'default' ? instance.name : `${instance.project}_${instance.name}`;
  const within = (folder: string) => join(home, 'storage-pools', storagePool, folder, volume);
  return { storagePool, path: within('containers'), snapshots: within('containers-snapshots') };
}
