import type { Controller } from '../controller.ts';
import { firewalldKinds } from './firewalld-kinds.ts';
import { forwardKind } from './forward-kinds.ts';
import { readInUse } from './in-use.ts';
import { Orphans, type OrphansInit } from './orphans.ts';
import { ownKinds } from './own-kinds.ts';

/** What finding leftovers needs. */
export interface OpenOrphans extends Pick<OrphansInit, 'audit'> {
  readonly controller: Pick<Controller, 'hands' | 'desired' | 'instances'>;
  readonly stateDir: string;
  /** Whether this is a controller that goes on, rather than a command that does its work once. */
  readonly isControllerRunning: boolean;
}

/** Wire the search for leftovers: log rules go first, because firewalld is slow on a chain that is full of them. */
export function openOrphans({ controller, stateDir, isControllerRunning, audit }: OpenOrphans): Orphans {
  const { hands, desired, instances } = controller;
  const { incus, firewall, trees, bridge, reservations } = hands;
  const isDeserted = () =>
    !isControllerRunning &&
    desired.manifests().size === 0 &&
    desired.sources().every(({ read }) => read.kind === 'complete');
  const expected = () => ({
    reserved: [...reservations.named()].map(([, { uid, endpoint }]) => ({ uid, port: endpoint.port })),
    made: [...instances.all()].map(({ instance }) => instance),
  });
  return new Orphans({
    kinds: [...ownKinds({ firewall, bridge, stateDir, trees, isDeserted }), forwardKind, ...firewalldKinds],
    inUse: (signal) => readInUse(incus, expected, signal),
    audit,
  });
}
